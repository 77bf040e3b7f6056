import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EXAMPLES } from './example-process.js';

/** A module of the demo: plain JavaScript without types, so the caller says what it is. */
export const loadDemo = (file: string): Promise<unknown> => import(pathToFileURL(join(EXAMPLES, 'demo', file)).href);

interface Latencies {
  readonly count: number;
  record(ms: number): void;
  merge(other: object): void;
  percentile(share: number): number | undefined;
}
interface Failure {
  readonly code: string;
  readonly reason: string;
  readonly mayHaveRun?: boolean;
}
interface Tally {
  made: number;
  failures: Map<string, { count: number; mayHaveRun: number }>;
  succeed(ms: number, pids: readonly number[]): void;
  fail(error: Failure): void;
}
interface Trail {
  refusals: { service: string; direction: string; reason: string }[];
  bursts: { service: string; peer: string; count: number }[];
  take(service: string, pid: number, events: readonly object[]): void;
  rotationsBetween(one: string, other: string): number;
  breakersOf(pid: number, target: string): { to: string; endpoint: string }[];
}
interface Ledger {
  takePayments(ids: { charged: readonly number[]; declined: readonly number[] }): void;
  takeOrders(ids: { charged: readonly number[]; declined: readonly number[]; unknown: readonly number[] }): void;
}

export const { CallTally, LatencyHistogram } = (await loadDemo('statistics.mjs')) as { CallTally: new () => Tally; LatencyHistogram: new () => Latencies };
export const { AuditTrail } = (await loadDemo('audit-trail.mjs')) as { AuditTrail: new () => Trail };
export const { OrderLedger } = (await loadDemo('order-ledger.mjs')) as { OrderLedger: new () => Ledger };

export const [PAYMENT, ORDER, GATEWAY, SECOND, NEW_ORDER, CRAWLER, IMPOSTOR] = [11, 12, 13, 14, 15, 16, 17];
export const OURS = 'local-aaaa000000000000';
const THEIRS = 'local-bbbb000000000000';
const ENDPOINT = '127.0.0.1:4001';

export const originOf = (service: string): string => `secure-stack-mesh/${service}/0123456789abcdef`;

/** What the officer is told of a trail. */
const trailOf = (service: string) => ({ origin: originOf(service), size: 20, checkpoints: 3 });

/** A copy that was changed at a record, and is reported from there on. */
const caughtIn = (service: string, record: number) => ({ service, changed: { record }, exitCode: 1, tampered: [{ origin: originOf(service), problem: { record } }] });

/** How long the calls took that a breaker refused. */
export function latenciesOf(...times: readonly number[]): Latencies {
  const latencies = new LatencyHistogram();
  for (const ms of times) latencies.record(ms);
  return latencies;
}

/** Orders 1 to 4 have a receipt, 5 was lost with its connection and charged, payment declined 6; 7 and 8 never got there. */
export function ledgerOf({ charged = [1, 2, 3, 4, 5], declined = [6] }: { charged?: readonly number[]; declined?: readonly number[] } = {}): Ledger {
  const ledger = new OrderLedger();
  ledger.takePayments({ charged, declined });
  ledger.takeOrders({ charged: [1, 2, 3, 4], declined: [6], unknown: [5] });
  return ledger;
}

const refusal = (direction: string) => ({
  details: { action: 'auth.failed', error: "peer_untrusted: the peer's trust domain is local-bbbb…, ours local-aaaa…: share keysDir", metadata: { direction, reason: 'peer_untrusted' } },
});
const rotation = (keyId: string) => ({ details: { action: 'key.rotated', metadata: { keyType: 'session', keyId } } });
const breaker = (action: string, from: string) => ({ eventType: 'circuit_breaker', targetServiceId: 'payment', details: { action: `breaker.${action}`, metadata: { endpoint: ENDPOINT, from } } });
const burst = (messageCount: number) => ({ eventType: 'rate_limit', targetServiceId: 'crawler', details: { action: 'rate.limited', messageCount, metadata: { method: 'price' } } });

/** The keys that came into use at both ends of a connection. */
const KEYS = ['k1', 'k2', 'k3', 'k4'];

function goodTrail(): Trail {
  const trail = new AuditTrail();
  for (const [service, pid] of [['order', ORDER], ['gateway', GATEWAY]] as const) trail.take(service, pid, KEYS.slice(0, 2).map(rotation));
  for (const [service, pid] of [['order', ORDER], ['payment', PAYMENT]] as const) trail.take(service, pid, KEYS.slice(2).map(rotation));
  const transitions = [['opened', 'closed'], ['half_open', 'open'], ['opened', 'half-open'], ['half_open', 'open'], ['closed', 'half-open']] as const;
  trail.take('order', ORDER, transitions.map(([action, from]) => breaker(action, from)));
  trail.take('order', NEW_ORDER, [burst(20), burst(30), refusal('outbound'), refusal('inbound')]);
  trail.take('gateway', GATEWAY, [refusal('inbound')]);
  trail.take('payment-2', SECOND, [{ details: { action: 'system.stop' } }]);
  return trail;
}

/** Two orders and a call for a price after the kill, before it one by each payment; one call lost, one declined, two that the breaker refused. */
function goodTally(): Tally {
  const tally = new CallTally();
  for (const pids of [[ORDER, PAYMENT], [ORDER, SECOND], [NEW_ORDER, PAYMENT], [NEW_ORDER, PAYMENT], [NEW_ORDER]]) tally.succeed(1, pids);
  tally.fail({ code: 'UNAVAILABLE', reason: 'connection_lost', mayHaveRun: true });
  tally.fail({ code: 'FAILED_PRECONDITION', reason: 'database_down', mayHaveRun: true });
  for (let i = 0; i < 2; i++) tally.fail({ code: 'FAILED_PRECONDITION', reason: 'circuit_open', mayHaveRun: false });
  tally.made = 9;
  return tally;
}

/** A process that closed when it was told to. One without adapters records nothing. */
function closed(name: string, pid: number, emitted: number, adapters: readonly object[] = [{}]) {
  return {
    name,
    pid,
    identity: { trustDomain: OURS },
    exit: { code: 0, signal: null } as { code: number | null; signal: string | null } | undefined,
    finalStats: { metrics: { messagesSent: 9, messagesFailed: 4 }, audit: { emitted, adapters } } as Record<'metrics' | 'audit', unknown> | undefined,
  };
}

/** What gateway's admin endpoint answered, or why it did not. */
interface Answer {
  code?: number;
  status?: string;
  calls?: number;
  trouble?: string;
}

/** What a good run leaves, made small. */
export function goodRun() {
  const payment = closed('payment', PAYMENT, 2);
  const gateway = closed('gateway', GATEWAY, 3);
  const killed = { ...closed('order', ORDER, 0), exit: { code: null as number | null, signal: 'SIGKILL' as string | null }, finalStats: undefined };
  const second = closed('payment-2', SECOND, 1);
  const restarted = closed('order', NEW_ORDER, 4);
  const crawler = closed('crawler', CRAWLER, 0, []);
  const impostor = { ...closed('impostor', IMPOSTOR, 0, []), identity: { trustDomain: THEIRS } };
  const trail = goodTrail();
  return {
    stage: {
      tally: goodTally(),
      trail,
      ledger: ledgerOf(),
      breakers: new Map([[ORDER, { states: ['closed', 'open', 'half-open', 'open', 'half-open', 'closed'], refusals: latenciesOf(1, 2) }]]),
      all: [payment, killed, gateway, second, restarted, crawler, impostor],
      outage: { recoveredMs: 2_000, recoveredBy: [NEW_ORDER, PAYMENT] } as { recoveredMs?: number; recoveredBy?: number[] } | undefined,
      impostor: { calls: 3, sessions: 0, answered: 0, gotThrough: 0 } as Record<'calls' | 'sessions' | 'answered' | 'gotThrough', number> | undefined,
    },
    play: {
      looked: { ready: { code: 200, status: 'pass' } as Answer, metrics: { code: 200, calls: 5 } as Answer, ended: 4, made: 6 },
      rotated: { connections: [2, 2], answered: 1, failed: 0 },
      renewed: { keyId: 'k7', previousKeyId: 'k6', sessionsRekeyed: 2, sessionsEnded: 0, durationMs: 40, failed: 0 },
      resilience: {
        second: { process: second, orderPid: ORDER, answered: [1, 1], alone: 1, failed: 0 },
        breaker: { pid: ORDER, transitions: trail.breakersOf(ORDER, 'payment'), answeredSince: 1 },
        crawl: {
          made: 160, answered: 110, refused: 50, otherwise: 0, polite: 3, served: 3, retryAfterMs: [2, 9], durationMs: 100,
          servedByOrder: 110, prices: 1, answeredToOthers: 2, failedToOthers: 0,
        },
      },
      report: { exitCode: 0, signed: true, status: 'authentic', services: ['gateway', 'order', 'payment'], summary: { keys: 9 }, rotations: [...KEYS] },
      services: [payment, killed, gateway], killed, restarted, impostor, answeredBeforeAttack: 2, answeredUnderAttack: 3,
      verified: { exitCode: 0, status: 'authentic', logs: ['payment', 'order', 'gateway', 'payment-2'].map(trailOf) },
      uncleanEnd: { from: 9, to: 12 } as { from: number; to: number } | undefined,
      tampered: { changed: caughtIn('order', 7), dropped: caughtIn('payment', 5), cut: { ...caughtIn('gateway', 9), changed: { bytes: 100 } } },
    },
  };
}

export type Evidence = ReturnType<typeof goodRun>;
