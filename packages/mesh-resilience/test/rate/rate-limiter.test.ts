import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type RateLimitBucket, type RateLimitStore } from '@lemur-bookstores/mesh-interface';
import type { RateLimiterOptions } from '../../src/rate/rate-limiter-options.js';
import { RateLimiter } from '../../src/rate/rate-limiter.js';
import { Answer, failureOf, inbound, outbound, peerOf } from '../support/calls.js';

const answers = () => Promise.resolve('answer');

function rig(options: Partial<RateLimiterOptions> = {}): { clock: FakeClock; limiter: RateLimiter } {
  const clock = new FakeClock();
  return { clock, limiter: new RateLimiter({ maxRequests: 2, windowMs: 1_000, clock, ...options }) };
}

describe('the interceptor', () => {
  test('limits each peer by the identity it proved', async () => {
    const { clock, limiter } = rig();
    const [orders, users] = [inbound(), inbound({ peer: peerOf('users'), metadata: { from: 'orders' } })];
    for (let i = 0; i < 2; i++) expect(await limiter.interceptor(orders, answers)).toBe('answer');
    let ran = 0;
    expect(await failureOf(limiter.interceptor(orders, async () => ran++))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'rate_limited',
      mayHaveRun: false,
      retryable: true,
      retryAfterMs: 500,
      text: 'spiffe://mesh.example/orders may call 2 times in 1000 ms; again in 500 ms',
    });
    expect(ran).toBe(0);
    expect(await limiter.interceptor(users, answers)).toBe('answer');
    await clock.advance(500);
    expect(await limiter.interceptor(orders, answers)).toBe('answer');
  });

  test('those who proved nothing share one bucket', async () => {
    const { limiter } = rig();
    const { peer: _peer, ...unproven } = inbound();
    for (let i = 0; i < 2; i++) await limiter.interceptor(unproven, answers);
    expect(await failureOf(limiter.interceptor(unproven, answers))).toMatchObject({ reason: 'rate_limited' });
  });

  test('a method with a limit of its own has a bucket of its own, and counts for no other', async () => {
    const { limiter } = rig({ methods: { refund: { maxRequests: 1, windowMs: 60_000 } } });
    await limiter.interceptor(inbound({ method: 'refund' }), answers);
    expect(await failureOf(limiter.interceptor(inbound({ method: 'refund' }), answers))).toMatchObject({ retryAfterMs: 60_000, text: "spiffe://mesh.example/orders may call 'refund' 1 times in 60000 ms; again in 60000 ms" });
    for (const method of ['charge', 'toString']) expect(await limiter.interceptor(inbound({ method }), answers)).toBe('answer');
    expect(await failureOf(limiter.interceptor(inbound({ method: 'charge' }), answers))).toMatchObject({ reason: 'rate_limited' });
  });

  test('a total is shared by all', async () => {
    const { limiter } = rig({ total: { maxRequests: 3, windowMs: 1_000 } });
    const admitted: string[] = [];
    for (const name of ['a', 'a', 'a', 'b', 'b', 'c']) await limiter.interceptor(inbound({ peer: peerOf(name) }), async () => admitted.push(name)).catch(() => undefined);
    expect(admitted).toEqual(['a', 'a', 'b']);
  });

  test('is for calls in, or for calls out by the service called', async () => {
    const { limiter } = rig();
    for (let i = 0; i < 5; i++) expect(await limiter.interceptor(outbound(), answers)).toBe('answer');
    const { limiter: other } = rig({ direction: 'outbound' });
    for (let i = 0; i < 5; i++) expect(await other.interceptor(inbound(), answers)).toBe('answer');
    for (let i = 0; i < 2; i++) expect(await other.interceptor(outbound(), answers)).toBe('answer');
    expect(await failureOf(other.interceptor(outbound(), answers))).toMatchObject({ text: 'this service may call payments 2 times in 1000 ms; again in 500 ms' });
    expect(await other.interceptor(outbound({ service: 'users' }), answers)).toBe('answer');
  });
});

describe("a store of the user's", () => {
  class Store implements RateLimitStore {
    readonly asked: (readonly RateLimitBucket[])[] = [];
    readonly #answer: () => number | Promise<number>;

    constructor(answer: () => number | Promise<number>) {
      this.#answer = answer;
    }

    take(buckets: readonly RateLimitBucket[]): number | Promise<number> {
      this.asked.push(buckets);
      return this.#answer();
    }
  }

  test('decides, at once or later', async () => {
    const store = new Store(() => Promise.resolve(0));
    const { limiter, clock } = rig({ store, total: { maxRequests: 9, windowMs: 1 } });
    for (let i = 0; i < 5; i++) expect(await limiter.interceptor(inbound(), answers)).toBe('answer');
    expect(store.asked[0]).toEqual([
      { key: 'spiffe://mesh.example/orders', limit: { maxRequests: 2, windowMs: 1_000 } },
      { key: 'total', limit: { maxRequests: 9, windowMs: 1 }, total: true },
    ]);
    expect(clock.pendingTimers).toBe(0);
    for (const answer of [() => 12.5, () => Promise.resolve(12.5)]) {
      expect(await failureOf(rig({ store: new Store(answer) }).limiter.interceptor(inbound(), answers))).toMatchObject({ reason: 'rate_limited', retryAfterMs: 13 });
    }
  });

  test.each<[string, () => number | Promise<number>]>([
    ['rejects', () => Promise.reject(new Error('down'))],
    ['throws', () => { throw new Error('down'); }],
    ['answers nonsense', () => NaN],
    ['answers nonsense later', () => Promise.resolve('0' as never as number).then(() => -1)],
  ])('that %s lets nothing through unlimited and stops nothing: the own buckets count', async (_what, answer) => {
    const { limiter } = rig({ store: new Store(answer) });
    for (let i = 0; i < 2; i++) expect(await limiter.interceptor(inbound(), answers)).toBe('answer');
    expect(await failureOf(limiter.interceptor(inbound(), answers))).toMatchObject({ reason: 'rate_limited', retryAfterMs: 500 });
  });

  test('that hangs is waited for as long as it may take, and what it says later does nothing', async () => {
    const late = new Answer<number>();
    const { limiter, clock } = rig({ store: new Store(() => late.promise), storeTimeoutMs: 50 });
    let done = 0;
    const outcome = limiter.interceptor(inbound(), async () => ++done);
    await clock.advance(49);
    expect(done).toBe(0);
    await clock.advance(1);
    expect(await outcome).toBe(1);
    late.resolve(7);
    await clock.advance(0);
    expect([done, clock.pendingTimers]).toEqual([1, 0]);
  });

  test('what it says when it is too late costs nothing more', async () => {
    const late = [new Answer<number>(), new Answer<number>()];
    const asked = [...late];
    const { limiter, clock } = rig({ store: new Store(() => asked.shift()?.promise ?? Promise.reject(new Error('down'))) });
    const outcome = limiter.interceptor(inbound(), answers);
    await clock.advance(100);
    expect(await outcome).toBe('answer');
    late[0]?.reject(new Error('down'));
    await clock.advance(0);
    const next = limiter.interceptor(inbound(), answers);
    await clock.advance(100);
    // Of two tokens the first call took one, not two.
    expect(await next).toBe('answer');
  });

  test('is asked 10,000 questions at once; beyond that the own buckets decide, until it has answered', async () => {
    const answer = new Answer<number>();
    const store = new Store(() => answer.promise);
    const { limiter } = rig({ store });
    const asked = Array.from({ length: 10_000 }, (_, index) => limiter.take(`peer${index}`, 'm'));
    expect([limiter.take('own', 'm'), limiter.take('own', 'm'), limiter.take('own', 'm'), store.asked.length]).toEqual([0, 0, 500, 10_000]);
    answer.resolve(0);
    await Promise.all(asked);
    expect(typeof limiter.take('own', 'm')).toBe('object');
    expect(store.asked).toHaveLength(10_001);
  });

  test('a call that was cancelled meanwhile does not begin', async () => {
    const answer = new Answer<number>();
    const { limiter } = rig({ store: new Store(() => answer.promise) });
    const abort = new AbortController();
    let ran = 0;
    const outcome = failureOf(limiter.interceptor(inbound({ signal: abort.signal }), async () => ran++));
    abort.abort('left');
    answer.resolve(0);
    expect(await outcome).toMatchObject({ reason: 'cancelled', mayHaveRun: false, cause: 'left' });
    expect(ran).toBe(0);
  });
});

test('errors of the handler come out as they are', async () => {
  const error = new MeshError('permission_denied', 'no');
  expect(await failureOf(rig().limiter.interceptor(inbound(), () => Promise.reject(error)))).toBe(error);
});
