import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Places, type PlaceWaiter } from '../../src/concurrency/places.js';

class Waiter implements PlaceWaiter {
  readonly name: number;
  readonly #got: number[];

  constructor(name: number, got: number[]) {
    this.name = name;
    this.#got = got;
  }

  onPlace(): void {
    this.#got.push(this.name);
  }
}

test('whoever comes, leaves and ends: never more than there are places, the line is never longer, and it is served in its order', () => {
  const step = fc.oneof(fc.constant('come' as const), fc.constant('come' as const), fc.constant('end' as const), fc.nat(9).map((index) => ({ leave: index })));
  let turnedAway = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 5 }), fc.array(step, { maxLength: 200, size: 'max' }), (limit, queue, steps) => {
      const places = new Places(limit, queue);
      const got: number[] = [];
      // The model: how many run, and who waits, in order.
      let running = 0;
      const line: Waiter[] = [];
      const expected: number[] = [];
      for (const [index, what] of steps.entries()) {
        if (what === 'come') {
          const runs = running < limit;
          expect(places.take()).toBe(runs);
          if (runs) running++;
          else {
            const waiter = new Waiter(index, got);
            const hasRoom = line.length < queue;
            expect(places.wait(waiter)).toBe(hasRoom);
            if (hasRoom) line.push(waiter);
            else turnedAway++;
          }
        } else if (what === 'end') {
          if (running === 0) continue;
          places.giveUp();
          const next = line.shift();
          if (next === undefined) running--;
          else expected.push(next.name);
        } else {
          const [left] = line.splice(what.leave, 1);
          if (left !== undefined) {
            places.leave(left);
            places.leave(left);
          }
        }
        expect([places.taken, places.waiting, got]).toEqual([running, line.length, expected]);
      }
    }),
    { numRuns: 100 },
  );
  expect(turnedAway).toBeGreaterThan(100);
});

test('a line of calls that each end at once is served without one standing on the other', () => {
  const places = new Places(1, 100_000);
  places.take();
  let served = 0;
  for (let i = 0; i < 100_000; i++) places.wait({ onPlace: () => (served++, places.giveUp()) });
  places.giveUp();
  expect([served, places.taken, places.waiting]).toEqual([100_000, 0, 0]);
});

test('who comes while a place changes hands does not get it', () => {
  const places = new Places(1, 2);
  places.take();
  const taken: boolean[] = [];
  places.wait({ onPlace: () => (places.giveUp(), taken.push(places.take())) });
  places.wait({ onPlace: () => undefined });
  places.giveUp();
  expect([taken, places.taken, places.waiting]).toEqual([[false], 1, 0]);
});
