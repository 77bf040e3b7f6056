import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { EXAMPLES } from './support/example-process.js';

const load = (file: string): Promise<unknown> => import(pathToFileURL(join(EXAMPLES, 'demo', file)).href);

const { judge } = (await load('verdict.mjs')) as { judge(stage: Evidence['stage'], play: Evidence['play']): readonly { text: string; holds: boolean }[] };
const { CallTally } = (await load('statistics.mjs')) as {
  CallTally: new () => { made: number; succeed(ms: number, pids: readonly number[]): void; fail(error: { code: string; reason: string; mayHaveRun?: boolean }): void };
};
const { AuditTrail } = (await load('audit-trail.mjs')) as {
  AuditTrail: new () => { take(service: string, pid: number, events: readonly object[]): void; rotationsBetween(one: string, other: string): number };
};

const [PAYMENT, ORDER, GATEWAY, NEW_ORDER, IMPOSTOR] = [11, 12, 13, 14, 15];
const OURS = 'local-aaaa000000000000';
const THEIRS = 'local-bbbb000000000000';

const originOf = (service: string): string => `secure-stack-mesh/${service}/0123456789abcdef`;

/** What the officer is told of a trail. */
const trailOf = (service: string) => ({ origin: originOf(service), size: 20, checkpoints: 3 });

/** A copy that was changed at a record, and is reported from there on. */
const caughtIn = (service: string, record: number) => ({ service, changed: { record }, exitCode: 1, tampered: [{ origin: originOf(service), problem: { record } }] });

/** What a good run leaves, made small: one call before the kill, two after it, one lost. */
function goodRun() {
  const closed = (name: string, pid: number, emitted: number, trustDomain = OURS) => ({
    name,
    pid,
    identity: { trustDomain },
    exit: { code: 0 as number | null, signal: null as string | null },
    finalStats: { metrics: { messagesSent: 4, messagesFailed: 1 }, audit: { emitted, adapters: [{}] as object[] } } as Record<string, unknown> | undefined,
  });
  const payment = closed('payment', PAYMENT, 2);
  const gateway = closed('gateway', GATEWAY, 3);
  const killed = { ...closed('order', ORDER, 0), exit: { code: null, signal: 'SIGKILL' as string | null }, finalStats: undefined };
  const restarted = closed('order', NEW_ORDER, 2);
  const impostor = { ...closed('impostor', IMPOSTOR, 0, THEIRS), finalStats: { audit: { emitted: 0, adapters: [] } } as Record<string, unknown> | undefined };

  const tally = new CallTally();
  tally.made = 4;
  tally.succeed(1, [ORDER, PAYMENT]);
  tally.succeed(1, [NEW_ORDER, PAYMENT]);
  tally.succeed(1, [NEW_ORDER, PAYMENT]);
  tally.fail({ code: 'UNAVAILABLE', reason: 'connection_lost', mayHaveRun: true });

  const trail = new AuditTrail();
  const refusal = (direction: string) => ({
    details: { action: 'auth.failed', error: "peer_untrusted: the peer's trust domain is local-bbbb…, ours local-aaaa…: share keysDir", metadata: { direction, reason: 'peer_untrusted' } },
  });
  trail.take('order', NEW_ORDER, [refusal('outbound'), refusal('inbound')]);
  trail.take('gateway', GATEWAY, [refusal('inbound')]);
  const keys = ['k1', 'k2', 'k3', 'k4'];
  const rotation = (keyId: string) => ({ details: { action: 'key.rotated', metadata: { keyType: 'session', keyId } } });
  for (const [service, pid] of [['order', ORDER], ['gateway', GATEWAY]] as const) trail.take(service, pid, keys.slice(0, 2).map(rotation));
  for (const [service, pid] of [['order', ORDER], ['payment', PAYMENT]] as const) trail.take(service, pid, keys.slice(2).map(rotation));

  return {
    stage: {
      tally,
      trail: trail as typeof trail & { refusals: { service: string; direction: string; reason: string }[] },
      all: [payment, killed, gateway, restarted, impostor],
      outage: { recoveredMs: 2_000, recoveredBy: [NEW_ORDER, PAYMENT] } as { recoveredMs?: number; recoveredBy?: number[] } | undefined,
      impostor: { calls: 3, sessions: 0, answered: 0, gotThrough: 0 } as Record<'calls' | 'sessions' | 'answered' | 'gotThrough', number> | undefined,
    },
    play: {
      rotated: { connections: [2, 2], answered: 1, failed: 0 },
      renewed: { keyId: 'k7', previousKeyId: 'k6', sessionsRekeyed: 2, sessionsEnded: 0, durationMs: 40, failed: 0 },
      report: { exitCode: 0, signed: true, status: 'authentic', services: ['gateway', 'order', 'payment'], summary: { keys: 9 }, rotations: keys },
      services: [payment, killed, gateway], killed, restarted, impostor, answeredBeforeAttack: 2, answeredUnderAttack: 3,
      verified: { exitCode: 0, status: 'authentic', logs: ['payment', 'order', 'gateway'].map(trailOf) },
      uncleanEnd: { from: 9, to: 12 } as { from: number; to: number } | undefined,
      tampered: { changed: caughtIn('order', 7), dropped: caughtIn('payment', 5), cut: caughtIn('gateway', 9) },
    },
  };
}

type Evidence = ReturnType<typeof goodRun>;

const broken = ({ stage, play }: Evidence): string[] => judge(stage, play).filter(({ holds }) => !holds).map(({ text }) => text);

const dropRefusals = (of: string, direction: string) => ({ stage }: Evidence): void => {
  stage.trail.refusals = stage.trail.refusals.filter((refusal) => refusal.service !== of || refusal.direction !== direction);
};

describe("the demo's verdict", () => {
  test('takes a kill that came right behind a checkpoint', () => {
    const run = goodRun();
    run.play.uncleanEnd = { from: 12, to: 12 };
    expect(broken(run)).toEqual([]);
  });

  test('holds every claim for a good run', () => {
    const { stage, play } = goodRun();
    expect(judge(stage, play)).toHaveLength(23);
    expect(broken({ stage, play })).toEqual([]);
  });

  test.each<[string, string | readonly string[], (evidence: Evidence) => void]>([
    ['a service of another trust domain', 'three processes, one trust domain', ({ play }) => (play.services[0]!.identity.trustDomain = 'local-cccc000000000000')],
    ['an answer of a stranger', ['every answer was right and came from them', 'callers and mesh counted the same calls'], ({ stage }) => stage.tally.succeed(1, [IMPOSTOR])],
    ['a wrong answer', ['every answer was right and came from them', 'callers and mesh counted the same calls'], ({ stage }) => stage.tally.fail({ code: 'UNKNOWN', reason: 'wrong_answer' })],
    ['a call without an outcome', 'callers and mesh counted the same calls', ({ stage }) => (stage.tally.made = 5)],
    ['a mesh that counts otherwise', 'callers and mesh counted the same calls', ({ stage }) => (stage.all[2]!.finalStats!['metrics'] = { messagesSent: 5, messagesFailed: 1 })],
    ['a kill that was none', 'it died by SIGKILL', ({ play }) => (play.killed.exit.signal = 'SIGTERM')],
    ['no recovery', 'callers found the new order by its name', ({ stage }) => (stage.outage = {})],
    ['recovery by the one that was killed', 'callers found the new order by its name', ({ stage }) => (stage.outage!.recoveredBy = [ORDER, PAYMENT])],
    ['a connection whose keys were replaced too rarely', 'keys were rotated under load, no call failed', ({ play }) => (play.rotated.connections = [3, 1])],
    ['a call that failed while keys were replaced', 'keys were rotated under load, no call failed', ({ play }) => (play.rotated.failed = 1)],
    ['keys that were replaced without load', 'keys were rotated under load, no call failed', ({ play }) => (play.rotated.answered = 0)],
    ['a static key that stayed', 'new handshakes with a new key, no call failed', ({ play }) => (play.renewed.keyId = 'k6')],
    ['a session that stayed', 'new handshakes with a new key, no call failed', ({ play }) => (play.renewed.sessionsRekeyed = 1)],
    ['a session that had to be closed', 'new handshakes with a new key, no call failed', ({ play }) => (play.renewed.sessionsEnded = 1)],
    ['a call that failed for a new handshake', 'new handshakes with a new key, no call failed', ({ play }) => (play.renewed.failed = 1)],
    ['a report that was altered', 'the report on keys is signed and verified', ({ play }) => Object.assign(play.report, { exitCode: 1, status: 'altered' })],
    ['a report without a signature', 'the report on keys is signed and verified', ({ play }) => (play.report.signed = false)],
    ['a report without a service', 'the report on keys is signed and verified', ({ play }) => void play.report.services.pop()],
    ['a rotation that the report does not have', 'it has every rotation that both ends reported', ({ play }) => void play.report.rotations.pop()],
    ['no refusal where order dials', 'order dialled the impostor: refused, audited', dropRefusals('order', 'outbound')],
    ['no refusal at order', 'the impostor dialled order: refused, audited', dropRefusals('order', 'inbound')],
    ['no refusal at the gateway', 'it dialled the gateway: refused, audited', dropRefusals('gateway', 'inbound')],
    ['a connection of the impostor', 'it had no connection, no call in, no call out', ({ stage }) => stage.impostor!.sessions++],
    ['a call that it answered', 'it had no connection, no call in, no call out', ({ stage }) => stage.impostor!.answered++],
    ['a call that it got through', 'it had no connection, no call in, no call out', ({ stage }) => stage.impostor!.gotThrough++],
    ['an impostor that did nothing', 'it had no connection, no call in, no call out', ({ stage }) => (stage.impostor!.calls = 0)],
    ['no answers under attack', 'calls went on meanwhile', ({ play }) => (play.answeredUnderAttack = play.answeredBeforeAttack)],
    ['a lost audit event', 'all audit events of those that closed arrived', ({ stage }) => (stage.all[3]!.finalStats!['audit'] = { emitted: 3, adapters: [{}] })],
    ['a process that had to be killed', 'all but the killed one ended by themselves', ({ stage }) => (stage.all[0]!.exit = { code: null, signal: 'SIGKILL' })],
    ['a process that failed', 'all but the killed one ended by themselves', ({ stage }) => (stage.all[4]!.exit.code = 1)],
    ['a trail that nothing vouches for', "every service's trail is authentic", ({ play }) => (play.verified.status = 'consistent')],
    ['a verification that failed', "every service's trail is authentic", ({ play }) => (play.verified.exitCode = 1)],
    ['a trail that is gone', "every service's trail is authentic", ({ play }) => void play.verified.logs.pop()],
    ['a trail without checkpoints', "every service's trail is authentic", ({ play }) => (play.verified.logs[0]!.checkpoints = 0)],
    ['a trail that hides the kill', "order's goes on behind the kill, and says so", ({ play }) => (play.uncleanEnd = undefined)],
    ['a change that passes', 'a copy with a changed record: caught', ({ play }) => Object.assign(play.tampered.changed, { exitCode: 0, tampered: [] })],
    ['a change that is found too late', 'a copy with a changed record: caught', ({ play }) => (play.tampered.changed.tampered[0]!.problem.record = 8)],
    ['a change that is found in another trail', 'a copy with a record less: caught', ({ play }) => (play.tampered.dropped.tampered[0]!.origin = originOf('gateway'))],
    ['an end that nobody misses', 'a copy without its end: caught', ({ play }) => (play.tampered.cut.exitCode = 0)],
  ])('breaks with %s', (_, claims, change) => {
    const evidence = goodRun();
    change(evidence);
    expect(broken(evidence)).toEqual([claims].flat());
  });

  test('a refusal for another reason, or of another trust domain, is no evidence', () => {
    const evidence = goodRun();
    for (const refusal of evidence.stage.trail.refusals) refusal.reason = 'certificate_expired';
    expect(broken(evidence)).toHaveLength(3);
    const ours = goodRun();
    ours.play.impostor.identity.trustDomain = OURS;
    expect(broken(ours)).toHaveLength(3);
  });

  test('a rotation that one end alone tells of is none', () => {
    const { stage, play } = goodRun();
    stage.trail.take('order', ORDER, [{ details: { action: 'key.rotated', metadata: { keyType: 'session', keyId: 'k5' } } }]);
    expect(stage.trail).toMatchObject({ rotationCount: 4, rotations: ['k1', 'k2', 'k3', 'k4'] });
    expect(stage.trail.rotationsBetween('gateway', 'order')).toBe(2);
    expect(broken({ stage, play })).toEqual([]);
  });

  test('nothing at all holds nothing', () => {
    const nothing = { tally: new CallTally(), trail: new AuditTrail(), all: [], outage: undefined, impostor: undefined };
    const claims = judge(nothing as never, { services: [] } as never);
    expect(claims.filter(({ holds }) => holds)).toEqual([]);
  });
});

describe("the demo's percentiles", () => {
  test('are within 2 % of the sorted list, however the figures were brought together', async () => {
    const { LatencyHistogram } = (await load('statistics.mjs')) as {
      LatencyHistogram: new () => { record(ms: number): void; merge(other: object): void; percentile(share: number): number | undefined; count: number };
    };
    const all = Array.from({ length: 10_000 }, (_, index) => 0.05 * 1.001 ** ((index * 7_919) % 10_000));
    const whole = new LatencyHistogram();
    for (let part = 0; part < 10; part++) {
      const piece = new LatencyHistogram();
      for (const ms of all.slice(part * 1_000, part * 1_000 + 1_000)) piece.record(ms);
      whole.merge(JSON.parse(JSON.stringify(piece)) as object);
    }
    const sorted = [...all].sort((a, b) => a - b);
    expect(whole.count).toBe(10_000);
    for (const share of [0.5, 0.9, 0.99, 1]) {
      const exact = sorted[Math.ceil(share * 10_000) - 1]!;
      const shown = whole.percentile(share)!;
      expect(shown).toBeGreaterThanOrEqual(exact * 0.999_999);
      expect(shown).toBeLessThanOrEqual(exact * 1.021);
    }
    expect(new LatencyHistogram().percentile(0.5)).toBeUndefined();
  });
});
