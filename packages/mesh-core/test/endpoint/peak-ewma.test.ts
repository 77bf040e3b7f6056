import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PeakEwma } from '../../src/endpoint/peak-ewma.js';

function of(...observed: readonly (readonly [ms: number, at: number])[]): PeakEwma {
  const ewma = new PeakEwma();
  for (const [ms, at] of observed) ewma.observe(ms, at);
  return ewma;
}

describe('latency of an instance', () => {
  test('a slow answer counts in full at once; quick ones lower it slowly', () => {
    expect(of([10, 0], [1_000, 1]).at(1)).toBe(1_000);
    const after = of([1_000, 0], [10, 100]).at(100);
    expect(after).toBeGreaterThan(950);
    expect(after).toBeLessThan(1_000);
  });

  test('time alone lowers it, by a constant of 10 s', () => {
    const ewma = of([1_000, 0]);
    expect(ewma.at(10_000)).toBeCloseTo(1_000 / Math.E, 6);
    expect(ewma.at(100_000)).toBeLessThan(0.05);
    expect(ewma.known).toBe(true);
  });

  test('atLeast lifts and never lowers', () => {
    const ewma = of([100, 0]);
    ewma.atLeast(1, 0);
    expect(ewma.at(0)).toBe(100);
    ewma.atLeast(500, 0);
    expect(ewma.at(0)).toBe(500);
  });

  test('cleared, nothing is known', () => {
    const ewma = of([100, 0]);
    ewma.clear();
    expect([ewma.known, ewma.at(0)]).toEqual([false, 0]);
  });

  test('it never lies below the last answer, nor above the slowest', () => {
    const answers = fc.array(fc.tuple(fc.double({ min: 0, max: 60_000, noNaN: true }), fc.double({ min: 0, max: 60_000, noNaN: true })), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(answers, (list) => {
        const ewma = new PeakEwma();
        let now = 0;
        let slowest = 0;
        for (const [ms, after] of list) {
          now += after;
          slowest = Math.max(slowest, ms);
          ewma.observe(ms, now);
          expect(ewma.at(now)).toBeGreaterThanOrEqual(ms * (1 - 1e-9));
          expect(ewma.at(now)).toBeLessThanOrEqual(slowest * (1 + 1e-9));
        }
      }),
    );
  });
});
