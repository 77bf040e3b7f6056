// What the demo claims, each claim with the evidence for it. It exits with 0 only if every one holds.
import { RATE_LIMIT, ROTATIONS } from './options.mjs';
import { ms, number } from './screen.mjs';

/** What a state of a breaker may become. */
const FOLLOWS = { closed: ['open'], open: ['half-open'], 'half-open': ['open', 'closed'] };

/** Half of them within this: on a busy machine, too, and far below what a call takes that waits for its time to be up. */
const AT_ONCE_MS = 50;

/** Of a burst that goes on, the trail has a number so often. */
const BURST_WINDOW_MS = 10_000;

const claim = (text, holds, shown) => ({ text, holds: holds === true, shown });

/**
 * What is missing, perhaps since a process ended early, is no evidence: the claim does not hold, and is told as any other.
 * @param stage what all processes told
 * @param play what happened when
 */
export function judge(stage, play) {
  const about = [aboutCalls, aboutTheKeys, aboutTheAdminEndpoint, aboutTheSecondPayment, aboutTheBreaker, aboutTheKill, aboutTheCrawler, aboutTheImpostor, aboutTheEnd, aboutTheTrails, aboutTheReport];
  return about.flatMap((claims) => claims(stage, play));
}

function aboutCalls({ tally, all, ledger }, { services = [], resilience: { second } = {}, restarted }) {
  const pids = new Set(services.map(({ pid }) => pid));
  const [domain, ...others] = new Set(services.map(({ identity }) => identity?.trustDomain));
  const members = new Set([...pids, second?.process?.pid, restarted?.pid]);
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
    claim(
      'no order was lost, none was charged twice',
      ledger.charged > 0 && ledger.wrong === 0,
      `${number(ledger.charged)} charged, ${number(ledger.chargedUnheard)} without a receipt, ${number(ledger.wrong)} wrong`,
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
      keyId !== undefined && previousKeyId !== undefined && keyId !== previousKeyId && sessionsRekeyed === 2 && sessionsEnded === 0 && renewed.failed === 0,
      `${sessionsRekeyed ?? 0} sessions of order in ${ms(durationMs)}, ${renewed.failed ?? '?'} failed`,
    ),
  ];
}

/** What it counted lies between what the callers had seen the end of before it was asked, and what they had begun afterwards: more, under load. */
function aboutTheAdminEndpoint(_stage, { looked: { ready = {}, metrics = {}, ended, made } = {} }) {
  const { code, status } = ready;
  const { calls } = metrics;
  const counted = metrics.code === 200 && calls > 0 && calls >= ended && calls <= made && ended < made;
  const counts = [calls, ended, made].map((count) => (count === undefined ? '?' : number(count)));
  return [
    claim(
      'admin endpoint: ready under load, counts right',
      code === 200 && status === 'pass' && counted,
      ready.trouble ?? metrics.trouble ?? `${code ?? '?'} ${status ?? '?'}; ${counts[0]} calls, callers: ${counts[1]} to ${counts[2]}`,
    ),
  ];
}

function aboutTheSecondPayment(_stage, { resilience: { second = {} } = {} }) {
  const { process, orderPid, answered = [], alone, failed } = second;
  const { code, signal } = process?.exit ?? {};
  return [
    claim(
      'a second payment was found, both answered',
      answered.length === 2 && answered.every((count) => count > 0),
      `${answered.map((count) => number(count)).join(' and ')} calls, for the same order, pid ${orderPid}`,
    ),
    claim('it left by itself, no call failed for it', code === 0 && failed === 0 && alone > 0, `exit ${signal ?? code}, ${failed ?? '?'} failed, then ${number(alone ?? 0)} by the first`),
  ];
}

/** By order's own trail, by what order sees of it, by what callers got, and by what payment did not. */
function aboutTheBreaker({ tally, ledger, breakers }, { resilience: { breaker = {} } = {} }) {
  const { pid, transitions = [], answeredSince } = breaker;
  const { states = [], refusals } = breakers.get(pid) ?? {};
  const told = transitions.map(({ to }) => to);
  const lastOpen = told.lastIndexOf('open');
  const isCycle = told[0] === 'open' && transitions.every(({ to, endpoint }, i) => endpoint === transitions[0].endpoint && FOLLOWS[told[i - 1] ?? 'closed'].includes(to));
  const { count = 0, mayHaveRun } = tally.failures.get('FAILED_PRECONDITION circuit_open') ?? {};
  const declined = tally.failures.get('FAILED_PRECONDITION database_down')?.count ?? 0;
  const p50 = refusals?.percentile(0.5);
  return [
    claim("order's breaker: open, half-open, closed", isCycle && told.length - lastOpen === 3 && told.at(-1) === 'closed', `audited: ${told.join(', ')}`),
    claim('getStats() of order said the same', told.length > 0 && states.join() === ['closed', ...told].join(), states.join(', ')),
    claim(
      'while it was open calls failed at once',
      count > 0 && count === refusals?.count && p50 < AT_ONCE_MS,
      `${number(count)} with circuit_open, p50 ${ms(p50)}, max ${ms(refusals?.maxMs)}`,
    ),
    claim(
      'none of those got to payment, the others did',
      mayHaveRun === 0 && declined > 0 && ledger.declined === declined && ledger.wronglyDeclined === 0,
      `payment answered ${number(ledger.declined)} with database_down, callers got ${number(declined)}`,
    ),
    claim('then it was called as before', answeredSince > 0, `${number(answeredSince ?? 0)} answered in the first moments`),
  ];
}

/** The crawler's calls by the crawler's count, by order's, and by order's trail. */
function aboutTheCrawler({ tally, trail }, { resilience: { crawl = {} } = {} }) {
  const { made = 0, answered = 0, refused = 0, otherwise, polite, served, retryAfterMs: [least, most] = [], durationMs = 0 } = crawl;
  const { servedByOrder, prices = 0, answeredToOthers = 0, failedToOthers } = crawl;
  const { maxRequests, windowMs } = RATE_LIMIT.methods.price;
  const allowed = Math.floor(maxRequests + (maxRequests * durationMs) / windowMs);
  const bursts = trail.burstsOf('order', 'crawler');
  const counted = bursts.reduce((sum, { count }) => sum + count, 0);
  const limited = tally.failures.get('RESOURCE_EXHAUSTED rate_limited')?.count ?? 0;
  return [
    claim(
      'a crawler was refused what was too much',
      refused > 0 && otherwise === 0 && made === answered + refused && answered === servedByOrder && answered <= allowed,
      `${number(refused)} of ${number(made)}; ${number(answered)} answered, at most ${number(allowed)} allowed`,
    ),
    claim('told when to come back, it was served then', least > 0 && polite > 0 && served === polite, `in ${least ?? '?'} to ${most ?? '?'} ms; ${served ?? 0} of ${polite ?? '?'}`),
    claim(
      "order's trail has the burst, not each call",
      refused > 0 && counted === refused && bursts.length <= 2 + durationMs / BURST_WINDOW_MS,
      `${bursts.length} events, ${number(counted)} calls`,
    ),
    claim(
      'the gateway got prices and all else',
      prices > 0 && answeredToOthers > prices && failedToOthers === 0 && limited === 0,
      `${number(prices)} prices, ${number(answeredToOthers)} in all, ${failedToOthers ?? '?'} failed`,
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

function aboutTheImpostor({ trail, impostor }, { services = [], impostor: attacker, answeredBeforeAttack, answeredUnderAttack }) {
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
  const audits = all
    .filter(({ pid, finalStats }) => finalStats !== undefined && (finalStats.audit?.adapters?.length > 0 || trail.eventsOf(pid) > 0))
    .map(({ pid, finalStats }) => ({ arrived: trail.eventsOf(pid), emitted: finalStats.audit?.emitted }));
  const arrived = audits.reduce((sum, audit) => sum + audit.arrived, 0);
  const recorded = audits.reduce((sum, { emitted = 0 }) => sum + emitted, 0);
  const complete = audits.every((audit) => audit.arrived === audit.emitted);
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
    const [{ origin, problem: { record: first } = {} } = {}] = found;
    // Where an end was cut off there is no record that changed: what tells is a checkpoint.
    const inTime = first <= changed?.record || (first !== undefined && changed?.bytes > 0);
    return claim(text, exitCode === 1 && found.length === 1 && origin?.includes(service) && inTime, first === undefined ? 'not reported' : `exit ${exitCode}, from record ${number(first)}`);
  };
  return [
    claim(
      "every service's trail is authentic",
      verified?.exitCode === 0 && verified.status === 'authentic' && logs.length === 4 && logs.every(({ checkpoints }) => checkpoints > 0),
      `${logs.length} trails, ${number(logs.reduce((sum, { size }) => sum + size, 0))} records, exit ${verified?.exitCode}`,
    ),
    claim("order's goes on behind the kill, and says so", uncleanEnd?.from <= uncleanEnd?.to, toldOf(uncleanEnd)),
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
      exitCode === 0 && signed && status === 'authentic' && services.length === 3 && summary?.keys > 0,
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
