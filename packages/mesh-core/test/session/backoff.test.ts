import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Backoff, DEFAULT_BACKOFF } from '../../src/session/backoff.js';

describe('backoff', () => {
  test('doubles from 100 ms to 5 s and stays there for ever', () => {
    const backoff = new Backoff(DEFAULT_BACKOFF, () => 1);
    expect(Array.from({ length: 8 }, () => backoff.next())).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    expect(new Set(Array.from({ length: 5_000 }, () => backoff.next()))).toEqual(new Set([5_000]));
  });

  test('every wait lies between half of it and all of it', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(50), (random, attempts) => {
        const [jittered, full] = [new Backoff(DEFAULT_BACKOFF, () => random), new Backoff(DEFAULT_BACKOFF, () => 1)];
        for (let i = 0; i <= attempts; i++) {
          const [wait, most] = [jittered.next(), full.next()];
          expect(wait).toBeGreaterThanOrEqual(most / 2);
          expect(wait).toBeLessThanOrEqual(most);
        }
      }),
    );
  });

  test('reset() begins with the shortest wait again', () => {
    const backoff = new Backoff({ initialMs: 10, maxMs: 1_000 }, () => 1);
    for (let i = 0; i < 5; i++) backoff.next();
    backoff.reset();
    expect(backoff.next()).toBe(10);
  });

  test('first() is as the shortest wait, and counts for none', () => {
    const backoff = new Backoff({ initialMs: 10, maxMs: 1_000 }, () => 1);
    expect([backoff.next(), backoff.next(), backoff.first(), backoff.next()]).toEqual([10, 20, 10, 40]);
  });
});
