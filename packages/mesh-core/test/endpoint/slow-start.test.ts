import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SlowStart } from '../../src/endpoint/slow-start.js';

function slowStart(since: readonly number[], ms = 10_000): SlowStart {
  const made = new SlowStart(ms);
  made.replace(since.map((at) => ({ since: at })));
  return made;
}

describe('slow start', () => {
  test('the weight of a new instance grows from a tenth to that of the others', () => {
    const start = slowStart([-60_000, 0]);
    expect([0, 500, 2_500, 5_000, 9_999, 10_000, 20_000].map((now) => start.weight({ since: 0 }, now))).toEqual([0.1, 0.1, 0.25, 0.5, 0.9999, 1, 1]);
    expect(start.weight({ since: -60_000 }, 500)).toBe(1);
  });

  test('where all of them are new, none is spared', () => {
    const start = slowStart([0, 5]);
    for (const now of [5, 100, 3_000, 9_000]) expect(start.weight({ since: 5 }, now)).toBeGreaterThan(0.99);
  });

  test('off, all of them count in full at once', () => {
    expect(slowStart([-1_000, 0], 0).weight({ since: 0 }, 0)).toBe(1);
  });

  test('a draw is taken as often as the weight says', () => {
    const start = slowStart([-60_000, 0]);
    expect(start.admits({ since: 0 }, 5_000, () => 0.49)).toBe(true);
    expect(start.admits({ since: 0 }, 5_000, () => 0.51)).toBe(false);
    expect(start.admits({ since: -60_000 }, 5_000, () => 0.999_999)).toBe(true);
  });

  test('weights lie between a tenth and 1, and are 1 once all are warm', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30_000), { minLength: 1, maxLength: 8 }), fc.nat(20_000), fc.nat(20_000), (since, ms, after) => {
        const start = slowStart(since, ms);
        for (const at of since) {
          const weight = start.weight({ since: at }, 30_000 + after);
          expect(weight).toBeGreaterThanOrEqual(0.1);
          expect(weight).toBeLessThanOrEqual(1);
          expect(start.weight({ since: at }, 30_000 + ms)).toBe(1);
        }
      }),
    );
  });
});
