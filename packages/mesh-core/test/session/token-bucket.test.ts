import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TokenBucket } from '../../src/session/token-bucket.js';

describe('token bucket', () => {
  test('lets a burst through at once, then what its rate allows', () => {
    const bucket = new TokenBucket(10, 5, 0);
    expect(Array.from({ length: 7 }, () => bucket.take(0))).toEqual([true, true, true, true, true, false, false]);
    expect(bucket.take(99)).toBe(false);
    expect(bucket.take(100)).toBe(true);
    expect(bucket.take(100)).toBe(false);
  });

  test('is full again after burst/rate seconds, and never holds more than its burst', () => {
    const bucket = new TokenBucket(10, 5, 0);
    expect(bucket.isFull(0)).toBe(true);
    bucket.take(0);
    expect(bucket.isFull(99)).toBe(false);
    expect(bucket.isFull(100)).toBe(true);
    expect(Array.from({ length: 6 }, () => bucket.take(1e9)).filter(Boolean)).toHaveLength(5);
  });

  test('in any span it lets through at most its burst and what its rate gives', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(300), { maxLength: 200 }), (perSecond, burst, waits) => {
        const bucket = new TokenBucket(perSecond, burst, 0);
        let now = 0;
        let taken = 0;
        for (const wait of waits) {
          now += wait;
          if (bucket.take(now)) taken++;
        }
        expect(taken).toBeLessThanOrEqual(burst + (now / 1000) * perSecond + 1e-6);
      }),
    );
  });
});
