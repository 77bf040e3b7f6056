import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Fifo } from '../src/fifo.js';

test('behaves as an array would, also over the cut-off of consumed entries', () => {
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('push' as const), times: fc.integer({ min: 1, max: 900 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('shift' as const), times: fc.integer({ min: 1, max: 900 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('pop' as const), times: fc.integer({ min: 1, max: 5 }) }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      let next = 0;
      for (const { do: what, times } of operations) {
        for (let index = 0; index < times; index++) {
          if (what === 'push') {
            fifo.push(next);
            model.push(next++);
          } else expect(fifo[what]()).toBe(model[what]());
          expect(fifo.peek()).toBe(model[0]);
        }
        expect(fifo.length).toBe(model.length);
      }
    }),
    { numRuns: 30 },
  );
});
