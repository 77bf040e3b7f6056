import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type GatedCall, type RateLimitStore } from '@lemur-bookstores/mesh-interface';
import { ConcurrencyLimit } from '../../src/concurrency/concurrency-limit.js';
import { InboundGate } from '../../src/gate/inbound-gate.js';
import { RateLimiter } from '../../src/rate/rate-limiter.js';
import { Answer, peerOf } from '../support/calls.js';
import { RecordingAudit } from '../support/recording-audit.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A call that writes down what it hears. */
class Call implements GatedCall {
  readonly peer;
  readonly method: string;
  readonly heard: unknown[] = [];

  constructor(peer = 'orders', method = 'pay') {
    this.peer = peerOf(peer);
    this.method = method;
  }

  onPlace(): void {
    this.heard.push('place');
  }

  onRefused(error: MeshError): void {
    this.heard.push(error.reason);
  }
}

/** A store that answers when a test says so. */
class SlowStore implements RateLimitStore {
  readonly asked: Answer<number>[] = [];

  take(): Promise<number> {
    const answer = new Answer<number>();
    this.asked.push(answer);
    return answer.promise;
  }
}

const reasonOf = (answer: MeshError | 'wait' | undefined): string => (MeshError.is(answer) ? answer.reason : (answer ?? 'in'));

describe('limits as a node asks them', () => {
  test('without parts everything is let in', () => {
    const gate = new InboundGate({});
    expect(gate.enter(new Call())).toBeUndefined();
    gate.leave(new Call());
    gate.ended();
  });

  test('a limit of calls out is refused', () => {
    const parts = { rateLimiter: new RateLimiter({ maxRequests: 1, windowMs: 1, direction: 'outbound' }), concurrencyLimit: new ConcurrencyLimit({ direction: 'outbound' }) };
    expect(() => new InboundGate(parts)).toThrow(expect.objectContaining({ reason: 'invalid_option', details: { problems: ['rateLimiter: is for outbound calls', 'concurrencyLimit: is for outbound calls'] } }));
  });

  test('limits each peer and method, says when to come back, and tells the trail once of a burst', () => {
    const clock = new FakeClock();
    const audit = new RecordingAudit();
    const gate = new InboundGate({ rateLimiter: new RateLimiter({ maxRequests: 1, windowMs: 1_000, methods: { refund: { maxRequests: 2, windowMs: 1_000 } }, clock, audit }) });
    const enter = (peer: string, method: string): string => reasonOf(gate.enter(new Call(peer, method)));
    expect([enter('orders', 'pay'), enter('orders', 'pay'), enter('others', 'pay')]).toEqual(['in', 'rate_limited', 'in']);
    expect([1, 2, 3].map(() => enter('orders', 'refund'))).toEqual(['in', 'in', 'rate_limited']);
    expect(gate.enter(new Call())).toMatchObject({ code: 'RESOURCE_EXHAUSTED', mayHaveRun: false, retryAfterMs: 1_000 });
    expect(audit.events.map(({ details }) => details.metadata?.['method'])).toEqual(['*', 'refund']);
  });

  test('so many are in, so many wait in their order, the rest is refused; what the rate limit refuses takes no place', () => {
    const clock = new FakeClock();
    const rateLimiter = new RateLimiter({ maxRequests: 5, windowMs: 1_000, clock });
    const concurrencyLimit = new ConcurrencyLimit({ limit: 1, queue: 2, clock });
    const gate = new InboundGate({ rateLimiter, concurrencyLimit });
    const calls = Array.from({ length: 6 }, () => new Call());
    expect(calls.map((call) => reasonOf(gate.enter(call)))).toEqual(['in', 'wait', 'wait', 'overloaded', 'overloaded', 'rate_limited']);
    gate.leave(calls[1]!);
    gate.ended();
    expect(calls.map(({ heard }) => heard)).toEqual([[], [], ['place'], [], [], []]);
    expect([concurrencyLimit.running, concurrencyLimit.waiting]).toEqual([1, 0]);
    gate.ended();
    expect(concurrencyLimit.running).toBe(0);
  });
});

describe('with a store that takes its time', () => {
  const rig = (): { store: SlowStore; gate: InboundGate; limit: ConcurrencyLimit } => {
    const store = new SlowStore();
    const clock = new FakeClock();
    const limit = new ConcurrencyLimit({ limit: 1, queue: 1, clock });
    return { store, limit, gate: new InboundGate({ rateLimiter: new RateLimiter({ maxRequests: 1, windowMs: 1_000, store, clock }), concurrencyLimit: limit }) };
  };

  test('a call waits for it, then for its place; each hears once', async () => {
    const { store, gate } = rig();
    const calls = Array.from({ length: 4 }, () => new Call());
    expect(calls.map((call) => gate.enter(call))).toEqual(['wait', 'wait', 'wait', 'wait']);
    [0, 5, 0, 0].forEach((waitMs, index) => store.asked[index]!.resolve(waitMs));
    await turn();
    expect(calls.map(({ heard }) => heard)).toEqual([['place'], ['rate_limited'], [], ['overloaded']]);
    gate.ended();
    expect(calls[2]!.heard).toEqual(['place']);
  });

  test('a call that has left by then takes no place', async () => {
    const { store, gate, limit } = rig();
    const call = new Call();
    gate.enter(call);
    gate.leave(call);
    store.asked[0]!.resolve(0);
    await turn();
    expect([call.heard, limit.running]).toEqual([[], 0]);
  });

  test('a store that fails, or gives nonsense, leaves it to the own buckets', async () => {
    const { store, gate } = rig();
    const calls = [new Call('a'), new Call('b'), new Call('b')];
    const nonsense = { take: () => undefined as unknown as number };
    calls.forEach((call) => gate.enter(call));
    store.asked.forEach(({ reject }) => reject(new Error('down')));
    await turn();
    expect(calls.map(({ heard }) => heard)).toEqual([['place'], [], ['rate_limited']]);
    const other = new InboundGate({ rateLimiter: new RateLimiter({ maxRequests: 1, windowMs: 1_000, store: nonsense, clock: new FakeClock() }) });
    const call = new Call();
    other.enter(call);
    await turn();
    expect(call.heard).toEqual(['place']);
  });
});
