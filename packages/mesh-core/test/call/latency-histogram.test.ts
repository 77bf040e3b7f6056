import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LatencyHistogram, RecentMean } from '../../src/call/latency-histogram.js';

describe('latency histogram', () => {
  test('counts each duration in the first bound it does not exceed', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.double({ min: 0, max: 20_000, noNaN: true }), fc.constantFrom(0, 0.1, 1, 10_000)), { maxLength: 50 }), (durations) => {
        const histogram = new LatencyHistogram();
        for (const duration of durations) histogram.observe(duration);
        const { bounds, counts, sum, count } = histogram.snapshot();
        const expected = new Array<number>(bounds.length + 1).fill(0);
        for (const duration of durations) {
          const index = bounds.findIndex((bound) => duration <= bound * 1000);
          expected[index < 0 ? bounds.length : index]!++;
        }
        expect(counts).toEqual(expected);
        expect(count).toBe(durations.length);
        expect(sum).toBeCloseTo(durations.reduce((total, duration) => total + duration, 0) / 1000, 6);
      }),
    );
  });

  test('a snapshot does not change any more', () => {
    const histogram = new LatencyHistogram();
    const before = histogram.snapshot();
    histogram.observe(1);
    expect(before.count).toBe(0);
    expect(before.counts.every((count) => count === 0)).toBe(true);
  });
});

describe('recent mean', () => {
  test('is 0 of nothing, and of what ended more than 60 s ago', () => {
    const recent = new RecentMean();
    expect(recent.mean(5_000)).toBe(0);
    recent.observe(10, 5_000);
    expect(recent.mean(64_999)).toBe(10);
    expect(recent.mean(66_000)).toBe(0);
  });

  test('equals the mean of the last 60 s, to the second', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20_000), fc.nat(1_000)), { minLength: 1, maxLength: 60 }), (steps) => {
        const recent = new RecentMean();
        const seen: { at: number; duration: number }[] = [];
        let now = 1e6;
        for (const [wait, duration] of steps) {
          now += wait;
          recent.observe(duration, now);
          seen.push({ at: Math.floor(now / 1000), duration });
          const last = seen.filter(({ at }) => at > Math.floor(now / 1000) - 60);
          expect(recent.mean(now)).toBeCloseTo(last.reduce((sum, one) => sum + one.duration, 0) / last.length, 6);
        }
      }),
    );
  });
});
