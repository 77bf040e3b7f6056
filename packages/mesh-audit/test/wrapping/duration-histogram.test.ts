import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DurationHistogram, PERCENTILE_ERROR } from '../../src/wrapping/duration-histogram.js';

/** Nearest rank, of all values. */
function exactly(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.max(1, Math.ceil(share * values.length)) - 1]!;
}

function of(values: readonly number[]): DurationHistogram {
  const histogram = new DurationHistogram();
  for (const value of values) histogram.add(value);
  return histogram;
}

const within = (estimate: number, exact: number): boolean => Math.abs(estimate - exact) <= exact * PERCENTILE_ERROR * (1 + 1e-9) + 0.001;

const duration = fc.oneof(
  fc.double({ min: 0, max: 1e9, noNaN: true }),
  fc.double({ min: 0, max: 50, noNaN: true }),
  // Spread over all magnitudes.
  fc.double({ min: -4, max: 9, noNaN: true }).map((exponent) => 10 ** exponent),
  fc.constantFrom(0, 0.001, 1, 1e9),
);

describe('DurationHistogram', () => {
  test('percentiles are within the error that it states, count, minimum, maximum and mean exact', () => {
    fc.assert(
      fc.property(fc.array(duration, { minLength: 1, maxLength: 400 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const histogram = of(values);
        const summary = histogram.summary()!;
        const { p50, p90, p95, p99 } = summary;
        const told = [[0.5, p50], [0.9, p90], [0.95, p95], [0.99, p99], [share, histogram.percentile(share)]] as const;
        expect(told.filter(([at, estimate]) => !within(estimate, exactly(values, at)))).toEqual([]);
        expect([summary.count, summary.min, summary.max]).toEqual([values.length, Math.min(...values), Math.max(...values)]);
        expect(summary.mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 3);
        for (const estimate of [p50, p90, p95, p99]) expect(estimate >= summary.min && estimate <= summary.max).toBe(true);
      }),
    );
  });

  test('merged ones are as one of all values', () => {
    fc.assert(
      fc.property(fc.array(fc.array(duration, { maxLength: 60 }), { minLength: 1, maxLength: 5 }), (parts) => {
        const merged = new DurationHistogram();
        for (const part of parts) merged.merge(of(part));
        const whole = of(parts.flat()).summary();
        const { mean, ...rest } = merged.summary() ?? {};
        const { mean: wholeMean, ...wholeRest } = whole ?? {};
        expect(rest).toEqual(wholeRest);
        if (wholeMean !== undefined) expect(mean! / (wholeMean === 0 ? 1 : wholeMean)).toBeCloseTo(wholeMean === 0 ? 0 : 1, 9);
      }),
    );
  });

  test('what is no duration is left out; without any there is no summary', () => {
    const histogram = of([NaN, -1, Infinity, -Infinity, 'x' as never]);
    expect(histogram.count).toBe(0);
    expect(histogram.summary()).toBeUndefined();
    expect(histogram.percentile(0.5)).toBe(0);
  });

  test('beyond the longest, percentiles say the longest, the maximum the truth', () => {
    expect(of([5e12, 5e12]).summary()).toMatchObject({ max: 5e12, p50: 5e12 });
    const { p50, p99 } = of([1e9, 5e12]).summary()!;
    expect(within(p50, 1e9)).toBe(true);
    expect(p99).toBeLessThanOrEqual(1.01e9);
  });

  test('takes the memory that it states, however many and however spread', () => {
    const histogram = new DurationHistogram();
    for (let index = 0; index < 200_000; index++) histogram.add(10 ** (-4 + (14 * index) / 200_000));
    expect(histogram.count).toBe(200_000);
    expect(histogram.bytes).toBeLessThanOrEqual(11 * 1_024);
    expect(histogram.bytes).toBeGreaterThan(10 * 1_024);
    // What durations usually are: three magnitudes.
    expect(of(Array.from({ length: 1_000 }, (_, index) => 10 ** (index / 333))).bytes).toBeLessThan(4 * 1_024);
  });
});
