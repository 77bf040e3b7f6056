import { describe, expect, test } from '@jest/globals';
import { FakeClock, type RateLimit } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { MemoryRateLimitStore } from '../../src/rate/memory-rate-limit-store.js';

const limit: RateLimit = { maxRequests: 3, windowMs: 1_000 };

function rig(maxKeys?: number): { clock: FakeClock; store: MemoryRateLimitStore; take: (key: string, of?: RateLimit) => number } {
  const clock = new FakeClock();
  const store = new MemoryRateLimitStore({ clock, ...(maxKeys === undefined ? {} : { maxKeys }) });
  return { clock, store, take: (key, of = limit) => store.take([{ key, limit: of }]) };
}

describe('one bucket', () => {
  test('gives its burst at once, then one token each part of the window, and says when', async () => {
    const { clock, take } = rig();
    expect([take('a'), take('a'), take('a')]).toEqual([0, 0, 0]);
    const waitMs = take('a');
    expect(waitMs).toBeCloseTo(1_000 / 3);
    await clock.advance(Math.ceil(waitMs));
    expect(take('a')).toBe(0);
    expect(take('a')).toBeGreaterThan(0);
    await clock.advance(10_000);
    expect([take('a'), take('a'), take('a')]).toEqual([0, 0, 0]);
    expect(take('a')).toBeGreaterThan(0);
  });

  test('is its own', () => {
    const { take } = rig();
    for (let i = 0; i < 3; i++) take('a');
    expect(take('b')).toBe(0);
  });

  test.each([1, 3, 7, 1_000, 9_999])('has exactly %d tokens, whatever the fractions', async (maxRequests) => {
    const { clock, take } = rig();
    await clock.advance(123_456_789.123);
    let taken = 0;
    while (take('a', { maxRequests, windowMs: 1_000 }) === 0) taken++;
    expect(taken).toBe(maxRequests);
  });

  test('never gives more than its tokens and what came back, in any stretch of time', () => {
    const steps = fc.array(fc.oneof(fc.constant('take' as const), fc.constant('take' as const), fc.double({ min: 0, max: 500, noNaN: true })), { maxLength: 300, size: 'max' });
    let refused = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 3_000 }), steps, (maxRequests, windowMs, each) => {
        let now = 0;
        const store = new MemoryRateLimitStore({ clock: { now: () => 0, monotonic: () => now, setTimeout: () => ({ cancel() {} }) } });
        const takenAt: number[] = [];
        for (const step of each) {
          if (step !== 'take') now += step;
          else if (store.take([{ key: 'a', limit: { maxRequests, windowMs } }]) === 0) takenAt.push(now);
          else refused++;
        }
        for (let from = 0; from < takenAt.length; from++) {
          for (let to = from; to < takenAt.length; to++) {
            const allowed = maxRequests + ((takenAt[to]! - takenAt[from]!) * maxRequests) / windowMs;
            // A thousandth of a token may be lent.
            if (to - from + 1 > allowed + 0.001_001) throw new Error(`${to - from + 1} taken, ${allowed} allowed`);
          }
        }
      }),
      { numRuns: 100 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  test('always gives what it promised: after the wait it said there is a token', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 5_000 }), fc.double({ min: 0, max: 1e9, noNaN: true }), (maxRequests, windowMs, start) => {
        let now = start;
        const store = new MemoryRateLimitStore({ clock: { now: () => 0, monotonic: () => now, setTimeout: () => ({ cancel() {} }) } });
        const take = (): number => store.take([{ key: 'a', limit: { maxRequests, windowMs } }]);
        let waitMs: number;
        while ((waitMs = take()) === 0);
        now += Math.ceil(waitMs);
        expect(take()).toBe(0);
      }),
    );
  });
});

describe('several buckets', () => {
  test('are taken from together or not at all', () => {
    const { store, take } = rig();
    const total = { key: 'total', limit: { maxRequests: 4, windowMs: 1_000 }, total: true };
    const both = (key: string): number => store.take([{ key, limit }, total]);
    for (let i = 0; i < 3; i++) expect(both('a')).toBe(0);
    // The peer's own is empty: that must not cost the others.
    for (let i = 0; i < 10; i++) expect(both('a')).toBeCloseTo(1_000 / 3);
    expect(both('b')).toBe(0);
    // The total is empty: that must not cost the peer.
    for (let i = 0; i < 10; i++) expect(both('b')).toBeCloseTo(250);
    expect([take('b'), take('b')]).toEqual([0, 0]);
    expect(take('b')).toBeGreaterThan(0);
  });
});

describe('many peers', () => {
  test('those that are idle go', async () => {
    const { clock, store, take } = rig(1_000);
    for (let i = 0; i < 500; i++) take(`early ${i}`);
    await clock.advance(1_000);
    for (let i = 0; i < 250; i++) take(`later ${i}`);
    expect(store.size).toBe(250);
  });

  test('beyond the cap those that come share one bucket, and take nobody else\'s', async () => {
    const { clock, store, take } = rig(100);
    for (let i = 0; i < 100; i++) for (let n = 0; n < 3; n++) take(`known ${i}`);
    const admitted = Array.from({ length: 10_000 }, (_each, i) => take(`new ${i}`)).filter((waitMs) => waitMs === 0).length;
    expect([admitted, store.size]).toEqual([3, 100]);
    for (let i = 0; i < 100; i++) expect(take(`known ${i}`)).toBeGreaterThan(0);
    expect(take('new', { maxRequests: 5, windowMs: 1_000 })).toBe(0);
    // Once the others are idle there is room again.
    await clock.advance(1_000);
    for (let n = 0; n < 3; n++) for (let i = 0; i < 10; i++) expect(take(`new ${i}`)).toBe(0);
    expect(store.size).toBeLessThanOrEqual(100);
  });

  test('a total has its place whatever comes', () => {
    const { store } = rig(1);
    const total = { key: 'total', limit: { maxRequests: 5, windowMs: 1_000 }, total: true };
    const taken = Array.from({ length: 50 }, (_each, i) => store.take([{ key: `peer ${i}`, limit: { maxRequests: 50, windowMs: 1_000 } }, total])).filter((waitMs) => waitMs === 0);
    expect(taken).toHaveLength(5);
  });
});
