// What the demo claims, each claim with the evidence for it. It exits with 0 only if every one holds.
import { ROTATIONS } from './options.mjs';
import { ms, number } from './screen.mjs';

const claim = (text, holds, shown) => ({ text, holds: holds === true, shown });

/**
 * @param stage what all processes told
 * @param play what happened when
 */
export function judge(stage, play) {
  return [...aboutCalls(stage, play), ...aboutTheKeys(stage, play), ...aboutTheKill(stage, play), ...aboutTheImpostor(stage, play), ...aboutTheEnd(stage, play), ...aboutTheTrails(stage, play), ...aboutTheReport(stage, play)];
}

function aboutCalls({ tally, all }, { services, restarted }) {
  const pids = new Set(services.map(({ pid }) => pid));
  const [domain, ...others] = new Set(services.map(({ identity }) => identity?.trustDomain));
  const members = new Set([...pids, restarted?.pid]);
  const answers = [...tally.answeredBy.keys()];
  const { made, answered, failed } = tally;
  const { messagesSent, messagesFailed } = all.find(({ name }) => name === 'gateway')?.finalStats?.metrics ?? {};
  return [
    claim('three processes, one trust domain', pids.size === 3 && domain !== undefined && others.length === 0, [domain, ...others].join(', ')),
    claim('every answer was right and came from them', answered > 0 && answers.every((pid) => members.has(pid)) && !tally.failures.has('UNKNOWN wrong_answer'), `pids ${answers.join(', ')}`),
    claim(
      'callers and mesh counted the same calls',
      made > 0 && made === answered + failed && made === messagesSent && failed === messagesFailed,
      `made ${made} = ${messagesSent}, failed ${failed} = ${messagesFailed}`,
    ),
  ];
}

/** That keys changed, at both ends, and that no call noticed: until order is killed none fails. */
function aboutTheKeys(_stage, { rotated, renewed = {} }) {
  const { connections = [], answered = 0, failed } = rotated ?? {};
  const rotations = connections.reduce((sum, count) => sum + count, 0);
  const { keyId, previousKeyId, sessionsRekeyed, sessionsEnded, durationMs } = renewed;
  return [
    claim(
      'keys were rotated under load, no call failed',
      connections.length === 2 && connections.every((count) => count >= ROTATIONS) && answered > 0 && failed === 0,
      `${number(rotations)} at both ends; calls: ${number(answered)} answered, ${failed ?? '?'} failed`,
    ),
    claim(
      'new handshakes with a new key, no call failed',
      keyId !== previousKeyId && sessionsRekeyed === 2 && sessionsEnded === 0 && renewed.failed === 0,
      `${sessionsRekeyed ?? 0} sessions of order in ${ms(durationMs)}, ${renewed.failed ?? '?'} failed`,
    ),
  ];
}

function aboutTheKill({ tally, outage }, { killed, restarted }) {
  const before = tally.answeredBy.get(killed?.pid) ?? 0;
  const after = tally.answeredBy.get(restarted?.pid) ?? 0;
  const found = outage?.recoveredMs > 0 && outage.recoveredBy?.includes(restarted?.pid);
  return [
    claim('order answered calls until it was killed', before > 0, `${number(before)} by pid ${killed?.pid}`),
    claim('it died by SIGKILL', killed?.exit?.signal === 'SIGKILL', `exit code ${killed?.exit?.code}, signal ${killed?.exit?.signal}`),
    claim('callers found the new order by its name', found, found ? `after ${ms(outage.recoveredMs)}` : 'never'),
    claim('it answered from then on', after > 1, `${number(after)} by pid ${restarted?.pid}`),
  ];
}

function aboutTheImpostor({ trail, impostor }, { services, impostor: attacker, answeredBeforeAttack, answeredUnderAttack }) {
  const domain = attacker?.identity?.trustDomain;
  const foreign = domain !== undefined && services.every(({ identity }) => identity?.trustDomain !== domain);
  const refusals = foreign ? trail.refusalsOf(domain) : [];
  const times = (service, direction) => refusals.filter((refusal) => refusal.service === service && refusal.direction === direction).reduce((sum, { count }) => sum + count, 0);
  const refusal = (text, count) => claim(text, count > 0, `peer_untrusted, ${number(count)} times`);
  const { calls, sessions, answered, gotThrough } = impostor ?? {};
  return [
    refusal('order dialled the impostor: refused, audited', times('order', 'outbound')),
    refusal('the impostor dialled order: refused, audited', times('order', 'inbound')),
    refusal('it dialled the gateway: refused, audited', times('gateway', 'inbound')),
    claim(
      'it had no connection, no call in, no call out',
      calls > 0 && sessions === 0 && answered === 0 && gotThrough === 0,
      `${sessions} connections, ${answered} in, ${gotThrough} of ${calls} out`,
    ),
    claim('calls went on meanwhile', answeredUnderAttack > answeredBeforeAttack, `${number(answeredUnderAttack - answeredBeforeAttack)} answered`),
  ];
}

function aboutTheEnd({ all, trail }, { killed }) {
  const audited = all.filter(({ finalStats }) => (finalStats?.audit?.adapters.length ?? 0) > 0);
  const arrived = audited.reduce((sum, { pid }) => sum + trail.eventsOf(pid), 0);
  const recorded = audited.reduce((sum, { finalStats }) => sum + finalStats.audit.emitted, 0);
  const complete = audited.every(({ pid, finalStats }) => trail.eventsOf(pid) === finalStats.audit.emitted);
  const closed = all.filter((process) => process !== killed);
  return [
    claim('all audit events of those that closed arrived', recorded > 0 && complete, `${number(arrived)} of ${number(recorded)}`),
    claim(
      'all but the killed one ended by themselves',
      closed.length > 0 && closed.every(({ exit, finalStats }) => exit?.code === 0 && finalStats !== undefined),
      `exit ${closed.map(({ exit }) => exit?.signal ?? exit?.code).join(', ')}`,
    ),
  ];
}

function aboutTheTrails(_stage, { verified, uncleanEnd, tampered = {} }) {
  const logs = verified?.logs ?? [];
  const caught = (text, { service, changed, exitCode, tampered: found = [] } = {}) => {
    const [log] = found;
    const right = exitCode === 1 && found.length === 1 && log.origin?.includes(service) && (changed.record === undefined || log.problem.record <= changed.record);
    return claim(text, right, log === undefined ? 'not reported' : `exit ${exitCode}, from record ${number(log.problem.record)}`);
  };
  return [
    claim(
      "every service's trail is authentic",
      verified?.exitCode === 0 && verified.status === 'authentic' && logs.length === 3 && logs.every(({ checkpoints }) => checkpoints > 0),
      `${logs.length} trails, ${number(logs.reduce((sum, { size }) => sum + size, 0))} records, exit ${verified?.exitCode}`,
    ),
    claim("order's goes on behind the kill, and says so", uncleanEnd !== undefined, toldOf(uncleanEnd)),
    caught('a copy with a changed record: caught', tampered.changed),
    caught('a copy with a record less: caught', tampered.dropped),
    caught('a copy without its end: caught', tampered.cut),
  ];
}

function aboutTheReport({ trail }, { report = {} }) {
  const { exitCode, signed, status, services = [], summary, rotations = [] } = report;
  const { rotations: seen, rotationCount } = trail;
  const reported = new Set(rotations);
  const found = seen.filter((keyId) => reported.has(keyId)).length;
  return [
    claim(
      'the report on keys is signed and verified',
      exitCode === 0 && signed && status === 'authentic' && services.length === 3 && summary.keys > 0,
      status === undefined ? 'there is none' : `${status}, ${number(summary?.keys ?? 0)} keys of ${services.length} services`,
    ),
    claim('it has every rotation that both ends reported', found > 0 && found === seen.length, `${number(found)} of ${number(seen.length)}, ${number(rotationCount)} in all`),
  ];
}

/** The kill may have come in the moment behind a checkpoint: then there is no record that it does not cover. */
function toldOf(uncleanEnd) {
  if (uncleanEnd === undefined) return 'not a word';
  const { from, to } = uncleanEnd;
  return from === to ? 'nothing was behind the last checkpoint' : `records ${from} to ${to - 1}`;
}
