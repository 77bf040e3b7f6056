import { describe, expect, test } from '@jest/globals';
import {
  AuditTrail, CallTally, goodRun, IMPOSTOR, latenciesOf, ledgerOf, loadDemo, ORDER, OrderLedger, originOf, OURS, PAYMENT, type Evidence,
} from './support/demo-evidence.js';
import { fieldPaths, removeField } from './support/field-paths.js';

type Claims = readonly { readonly text: string; readonly holds: boolean; readonly shown: string }[];

const { judge } = (await loadDemo('verdict.mjs')) as { judge(stage: Evidence['stage'], play: Evidence['play']): Claims };

/** What the verdict claims. */
const CLAIMS = 36;

const ANSWERS_RIGHT = 'every answer was right and came from them';
const ANSWERED_BEFORE = 'order answered calls until it was killed';
const ANSWERED_AFTER = 'it answered from then on';
const RENEWED = 'new handshakes with a new key, no call failed';
const REFUSALS = ['order dialled the impostor: refused, audited', 'the impostor dialled order: refused, audited', 'it dialled the gateway: refused, audited'];
const NOT_THROUGH = 'it had no connection, no call in, no call out';
const CAUGHT = ['a copy with a changed record: caught', 'a copy with a record less: caught', 'a copy without its end: caught'];
const ALL_ARRIVED = 'all audit events of those that closed arrived';
const ALL_REPORTED = 'it has every rotation that both ends reported';
const ALL_ENDED = 'all but the killed one ended by themselves';
const NO_ORDER_LOST = 'no order was lost, none was charged twice';
const ADMIN_RIGHT = 'admin endpoint: ready under load, counts right';
const SECOND_FOUND = 'a second payment was found, both answered';
const SECOND_LEFT = 'it left by itself, no call failed for it';
const BREAKER_CYCLE = "order's breaker: open, half-open, closed";
const BREAKER_STATS = 'getStats() of order said the same';
const BREAKER_AT_ONCE = 'while it was open calls failed at once';
const BREAKER_SPARED = 'none of those got to payment, the others did';
const BREAKER_OVER = 'then it was called as before';
const CRAWLER_REFUSED = 'a crawler was refused what was too much';
const CRAWLER_SERVED = 'told when to come back, it was served then';
const CRAWLER_AUDITED = "order's trail has the burst, not each call";
const GATEWAY_SERVED = 'the gateway got prices and all else';

/** A change of the evidence, and the claims that do not hold with it. */
type Case = [string, string | readonly string[], (evidence: Evidence) => void];

const broken = ({ stage, play }: Evidence): string[] => judge(stage, play).filter(({ holds }) => !holds).map(({ text }) => text);

/** The call that was lost failed otherwise: as many are made, and as many fail. */
const loseOtherwise = (code: string, reason: string) => ({ stage: { tally } }: Evidence): void => {
  tally.failures.delete('UNAVAILABLE connection_lost');
  tally.fail({ code, reason, mayHaveRun: true });
};

/** What order's trail says of its breaker, and what order saw. */
const breakerWent = (...states: readonly string[]) => ({ stage, play }: Evidence): void => {
  const { breaker } = play.resilience;
  const { endpoint } = breaker.transitions[0]!;
  breaker.transitions = states.map((to) => ({ to, endpoint }));
  stage.breakers.get(ORDER)!.states = ['closed', ...states];
};

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
    expect(judge(stage, play)).toHaveLength(CLAIMS);
    expect(broken({ stage, play })).toEqual([]);
  });

  test.each<Case>([
    ['a service of another trust domain', 'three processes, one trust domain', ({ play }) => (play.services[0]!.identity.trustDomain = 'local-cccc000000000000')],
    ['an answer of a stranger', ['every answer was right and came from them', 'callers and mesh counted the same calls'], ({ stage }) => stage.tally.succeed(1, [IMPOSTOR])],
    ['a wrong answer', ['every answer was right and came from them', 'callers and mesh counted the same calls'], ({ stage }) => stage.tally.fail({ code: 'UNKNOWN', reason: 'wrong_answer' })],
    ['a call without an outcome', 'callers and mesh counted the same calls', ({ stage }) => stage.tally.made++],
    ['a mesh that counts otherwise', 'callers and mesh counted the same calls', ({ stage }) => (stage.all[2]!.finalStats!['metrics'] = { messagesSent: 10, messagesFailed: 4 })],
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
    ['a gateway that is not ready', ADMIN_RIGHT, ({ play }) => (play.looked.ready = { code: 503, status: 'fail' })],
    ['a gateway that is ready with a reservation', ADMIN_RIGHT, ({ play }) => (play.looked.ready.status = 'warn')],
    ['an admin endpoint without metrics', ADMIN_RIGHT, ({ play }) => (play.looked.metrics = { code: 404, calls: 0 })],
    ['metrics that miss calls', ADMIN_RIGHT, ({ play }) => (play.looked.metrics.calls = 3)],
    ['metrics with calls that nobody made', ADMIN_RIGHT, ({ play }) => (play.looked.metrics.calls = 7)],
    ['an admin endpoint that was asked before any call', ADMIN_RIGHT, ({ play }) => Object.assign(play.looked, { metrics: { code: 200, calls: 0 }, ended: 0 })],
    ['an admin endpoint that was asked while nobody called', ADMIN_RIGHT, ({ play }) => Object.assign(play.looked, { ended: 5, made: 5 })],
    ['an admin endpoint that nobody answers at', ADMIN_RIGHT, ({ play }) => (play.looked.metrics = { trouble: '/metrics: connect ECONNREFUSED' })],
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
    ['a lost audit event', 'all audit events of those that closed arrived', ({ stage }) => (stage.all[4]!.finalStats!['audit'] = { emitted: 5, adapters: [{}] })],
    ['a process that had to be killed', 'all but the killed one ended by themselves', ({ stage }) => (stage.all[0]!.exit = { code: null, signal: 'SIGKILL' })],
    ['a process that failed', 'all but the killed one ended by themselves', ({ stage }) => (stage.all[6]!.exit!.code = 1)],
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

  test.each<Case>([
    ['an order that was charged twice', NO_ORDER_LOST, ({ stage }) => stage.ledger.takePayments({ charged: [1], declined: [] })],
    ['an order that was charged though its caller was told otherwise', NO_ORDER_LOST, ({ stage }) => stage.ledger.takePayments({ charged: [7], declined: [] })],
    ['a receipt without a charge', NO_ORDER_LOST, ({ stage }) => (stage.ledger = ledgerOf({ charged: [1, 2, 3, 5] }))],
    ['an order that may have run, charged twice', NO_ORDER_LOST, ({ stage }) => stage.ledger.takePayments({ charged: [5], declined: [] })],
    ['a second payment that answered nothing', SECOND_FOUND, ({ play }) => (play.resilience.second.answered = [2, 0])],
    ['a first payment that answered nothing beside the second', SECOND_FOUND, ({ play }) => (play.resilience.second.answered = [0, 2])],
    ['a second payment that failed', [SECOND_LEFT, ALL_ENDED], ({ play }) => (play.resilience.second.process.exit = { code: 1, signal: null })],
    ['a second payment that had to be killed', [SECOND_LEFT, ALL_ENDED], ({ play }) => (play.resilience.second.process.exit = { code: null, signal: 'SIGKILL' })],
    ['a call that failed for the second payment', SECOND_LEFT, ({ play }) => play.resilience.second.failed++],
    ['a first payment that answered nothing once it was alone', SECOND_LEFT, ({ play }) => (play.resilience.second.alone = 0)],
    ['a breaker that closed untried', BREAKER_CYCLE, breakerWent('open', 'closed')],
    ['a breaker that tried before it was open', BREAKER_CYCLE, breakerWent('half-open', 'open', 'half-open', 'closed')],
    ['a breaker that stayed open', BREAKER_CYCLE, breakerWent('open', 'half-open', 'open')],
    ['a breaker that is still trying', BREAKER_CYCLE, breakerWent('open', 'half-open')],
    ['a breaker that opened once more', BREAKER_CYCLE, breakerWent('open', 'half-open', 'closed', 'open')],
    ['a breaker that never opened', [BREAKER_CYCLE, BREAKER_STATS], breakerWent()],
    ['a breaker of another endpoint', BREAKER_CYCLE, ({ play }) => (play.resilience.breaker.transitions[4]!.endpoint = '127.0.0.1:4002')],
    ['a transition that the trail does not have', [BREAKER_CYCLE, BREAKER_STATS], ({ play }) => void play.resilience.breaker.transitions.splice(3, 1)],
    ['a transition that order did not see', BREAKER_STATS, ({ stage }) => void stage.breakers.get(ORDER)!.states.splice(2, 2)],
    ['a refusal of the breaker that no caller heard of', BREAKER_AT_ONCE, ({ stage }) => stage.breakers.get(ORDER)!.refusals.record(1)],
    ['refusals that took their time', BREAKER_AT_ONCE, ({ stage }) => (stage.breakers.get(ORDER)!.refusals = latenciesOf(60, 60))],
    ['a refusal that may have run', BREAKER_SPARED, ({ stage }) => (stage.tally.failures.get('FAILED_PRECONDITION circuit_open')!.mayHaveRun = 1)],
    ['a call that payment declined, other than its caller heard', BREAKER_SPARED, ({ stage }) => (stage.ledger = ledgerOf({ declined: [7] }))],
    ['a call that payment declined without anybody hearing', BREAKER_SPARED, ({ stage }) => stage.ledger.takePayments({ charged: [], declined: [7] })],
    ['a decline that payment knows nothing of', BREAKER_SPARED, loseOtherwise('FAILED_PRECONDITION', 'database_down')],
    ['a payment that was never called again', BREAKER_OVER, ({ play }) => (play.resilience.breaker.answeredSince = 0)],
    ['a crawler that was never refused', [CRAWLER_REFUSED, CRAWLER_AUDITED], ({ play }) => Object.assign(play.resilience.crawl, { made: 110, refused: 0 })],
    ['a crawler that got more than allowed', CRAWLER_REFUSED, ({ play }) => Object.assign(play.resilience.crawl, { made: 161, answered: 111, servedByOrder: 111 })],
    ['an answer to the crawler that order did not give', CRAWLER_REFUSED, ({ play }) => play.resilience.crawl.servedByOrder--],
    ['a call of the crawler that failed otherwise', CRAWLER_REFUSED, ({ play }) => play.resilience.crawl.otherwise++],
    ['a call of the crawler without an outcome', CRAWLER_REFUSED, ({ play }) => play.resilience.crawl.made++],
    ['a crawler that did as it was told, in vain', CRAWLER_SERVED, ({ play }) => play.resilience.crawl.served--],
    ['a crawler that never did as it was told', CRAWLER_SERVED, ({ play }) => Object.assign(play.resilience.crawl, { polite: 0, served: 0 })],
    ['a crawler that was told to come back at once', CRAWLER_SERVED, ({ play }) => (play.resilience.crawl.retryAfterMs = [0, 9])],
    ['a burst that the trail does not have whole', CRAWLER_AUDITED, ({ stage }) => (stage.trail.bursts[0]!.count = 19)],
    ['a burst of somebody else', CRAWLER_AUDITED, ({ stage }) => (stage.trail.bursts[0]!.peer = 'gateway')],
    ['an event for each call of a burst', CRAWLER_AUDITED, ({ stage }) => (stage.trail.bursts = stage.trail.bursts.flatMap((burst) => Array.from({ length: burst.count }, () => ({ ...burst, count: 1 }))))],
    ['a gateway that got no prices', GATEWAY_SERVED, ({ play }) => (play.resilience.crawl.prices = 0)],
    ['a gateway that got nothing but prices', GATEWAY_SERVED, ({ play }) => (play.resilience.crawl.answeredToOthers = 1)],
    ['a call of the gateway that failed for the crawler', GATEWAY_SERVED, ({ play }) => play.resilience.crawl.failedToOthers++],
    ['a call of the gateway that was limited', GATEWAY_SERVED, loseOtherwise('RESOURCE_EXHAUSTED', 'rate_limited')],
  ])('of calls that survive, breaks with %s', (_, claims, change) => {
    const evidence = goodRun();
    change(evidence);
    expect(broken(evidence)).toEqual([claims].flat());
  });

  test.each<Case>([
    ["the gateway's last word", ['callers and mesh counted the same calls', ALL_ENDED], ({ stage }) => (stage.all[2]!.finalStats = undefined)],
    ["payment's last word", ALL_ENDED, ({ stage }) => (stage.all[0]!.finalStats = undefined)],
    ['what payment says of its audit', ALL_ARRIVED, ({ stage }) => removeField(stage, 'all.0.finalStats.audit')],
    ['the identity of a service', 'three processes, one trust domain', ({ play }) => removeField(play, 'services.2.identity')],
    ["the callers' figures", [ANSWERS_RIGHT, 'callers and mesh counted the same calls', BREAKER_AT_ONCE, BREAKER_SPARED, ANSWERED_BEFORE, ANSWERED_AFTER], ({ stage }) => (stage.tally = new CallTally())],
    ["payment's and the callers' orders", [NO_ORDER_LOST, BREAKER_SPARED], ({ stage }) => (stage.ledger = new OrderLedger())],
    ['audit events', [CRAWLER_AUDITED, ...REFUSALS, ALL_ARRIVED, ALL_REPORTED], ({ stage }) => (stage.trail = new AuditTrail())],
    ['what order saw of its breaker', [BREAKER_STATS, BREAKER_AT_ONCE], ({ stage }) => stage.breakers.clear()],
    ['the act of the rotations', 'keys were rotated under load, no call failed', ({ play }) => removeField(play, 'rotated')],
    ['the look from outside', ADMIN_RIGHT, ({ play }) => removeField(play, 'looked')],
    ['what the callers counted before it', ADMIN_RIGHT, ({ play }) => removeField(play, 'looked.ended')],
    ['the new keys of order', RENEWED, ({ play }) => removeField(play, 'renewed')],
    ['the key before it', RENEWED, ({ play }) => removeField(play, 'renewed.previousKeyId')],
    ['the second payment', [ANSWERS_RIGHT, SECOND_FOUND, SECOND_LEFT], ({ play }) => removeField(play, 'resilience.second')],
    ['the end of the second payment', [SECOND_LEFT, ALL_ENDED], ({ play }) => (play.resilience.second.process.exit = undefined)],
    ['the act of the breaker', [BREAKER_CYCLE, BREAKER_STATS, BREAKER_AT_ONCE, BREAKER_OVER], ({ play }) => removeField(play, 'resilience.breaker')],
    ['the word of the crawler', [CRAWLER_REFUSED, CRAWLER_SERVED, CRAWLER_AUDITED, GATEWAY_SERVED], ({ play }) => removeField(play, 'resilience.crawl')],
    ['what order says of the crawler', CRAWLER_REFUSED, ({ play }) => removeField(play, 'resilience.crawl.servedByOrder')],
    ['the end of the crawler', ALL_ENDED, ({ stage }) => (stage.all[5]!.exit = undefined)],
    ['the kill', [ANSWERED_BEFORE, 'it died by SIGKILL', ALL_ENDED], ({ play }) => removeField(play, 'killed')],
    ['the restart', [ANSWERS_RIGHT, 'callers found the new order by its name', ANSWERED_AFTER], ({ play }) => removeField(play, 'restarted')],
    ['the word of the impostor', NOT_THROUGH, ({ stage }) => removeField(stage, 'impostor')],
    ['the identity of the impostor', REFUSALS, ({ play }) => removeField(play, 'impostor.identity')],
    ['the verification', "every service's trail is authentic", ({ play }) => removeField(play, 'verified')],
    ['the copies', CAUGHT, ({ play }) => removeField(play, 'tampered')],
    ['the record that was changed', CAUGHT[0]!, ({ play }) => removeField(play, 'tampered.changed.changed')],
    ['the record that shows it', CAUGHT[2]!, ({ play }) => removeField(play, 'tampered.cut.tampered.0.problem')],
    ['the records behind the kill', "order's goes on behind the kill, and says so", ({ play }) => removeField(play, 'uncleanEnd.from')],
    ['the report', ['the report on keys is signed and verified', ALL_REPORTED], ({ play }) => removeField(play, 'report')],
    ['what the report sums up', 'the report on keys is signed and verified', ({ play }) => removeField(play, 'report.summary')],
  ])('does not hold without %s', (_, claims, change) => {
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
    const nothing = { tally: new CallTally(), trail: new AuditTrail(), ledger: new OrderLedger(), breakers: new Map(), all: [], outage: undefined, impostor: undefined };
    const claims = judge(nothing as never, {} as never);
    expect(claims).toHaveLength(CLAIMS);
    expect(claims.filter(({ holds }) => holds)).toEqual([]);
  });

  test('whatever is missing, it judges', () => {
    // The stage has these before anybody has told it anything.
    const books = ['tally', 'trail', 'ledger', 'breakers', 'all'].map((name) => `stage.${name}`);
    const paths = [...fieldPaths(goodRun())].filter((path) => path.includes('.') && !books.includes(path));
    expect(paths.length).toBeGreaterThan(200);
    for (const path of paths) {
      const evidence = goodRun();
      removeField(evidence, path);
      const said = judge(evidence.stage, evidence.play).filter(({ shown }) => typeof shown === 'string').length;
      if (said !== CLAIMS) throw new Error(`without ${path} it says ${said} things`);
    }
  });
});
