import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RateBound } from '../src/rate-bound.js';

test('never more than the bound within any window, and room as soon as there is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }), (max, waits) => {
      const bound = new RateBound(max, 100);
      const taken: number[] = [];
      let now = 0;
      for (const wait of waits) {
        now += wait;
        const inWindow = taken.filter((at) => at > now - 100).length;
        expect(bound.freeAt(now) <= now).toBe(inWindow < max);
        expect(bound.take(now)).toBe(inWindow < max);
        if (inWindow < max) taken.push(now);
        const freeAt = bound.freeAt(now);
        expect(taken.filter((at) => at > freeAt - 100).length).toBeLessThan(max);
      }
    }),
  );
});
