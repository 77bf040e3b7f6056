import { describe, expect, test } from '@jest/globals';
import { eventually, outcomeOf } from '../src/outcome.js';

describe('outcomeOf', () => {
  test('says how a promise ended', async () => {
    const error = new Error('no');
    expect(await outcomeOf(Promise.resolve(1), 1_000)).toEqual({ state: 'fulfilled', value: 1 });
    expect(await outcomeOf('no promise', 1_000)).toEqual({ state: 'fulfilled', value: 'no promise' });
    expect(await outcomeOf(Promise.reject(error), 1_000)).toEqual({ state: 'rejected', error });
  });

  test('or that it has not, after the patience', async () => {
    const began = performance.now();
    expect(await outcomeOf(new Promise(() => undefined), 20)).toEqual({ state: 'pending' });
    expect(performance.now() - began).toBeGreaterThanOrEqual(19);
  });

  test('what comes in the turns after a standstill still counts', async () => {
    const late = (async () => {
      for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
      return 'late';
    })();
    const outcome = outcomeOf(late, 1);
    const until = performance.now() + 20;
    while (performance.now() < until);
    expect(await outcome).toEqual({ state: 'fulfilled', value: 'late' });
  });
});

describe('eventually', () => {
  test('asks until the answer is yes', async () => {
    let asked = 0;
    expect(await eventually(10_000, () => ++asked === 15)).toBe(true);
    expect(asked).toBe(15);
  });

  test('gives up after the patience, and not before some turns', async () => {
    let asked = 0;
    expect(await eventually(0, async () => ++asked < 0)).toBe(false);
    expect(asked).toBeGreaterThanOrEqual(10);
  });
});
