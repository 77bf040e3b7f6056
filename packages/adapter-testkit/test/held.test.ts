import { describe, expect, test } from '@jest/globals';
import { brief, difference, missing, plain } from '../src/held.js';

const event = (id: number): unknown => ({ id, text: `event ${id}` });
const list = (...ids: number[]): unknown[] => ids.map(event);

describe('difference', () => {
  test('none between the same', () => {
    expect(difference([], [])).toBeUndefined();
    expect(difference(list(1, 2), list(1, 2))).toBeUndefined();
  });

  test.each([
    [list(1), list(1, 2), /holds 1, and should hold 2; missing from place 1 on: { id: 2/],
    [list(1, 2), list(1), /holds 2, and should hold 1; too much from place 1 on: { id: 2/],
    [list(2, 1), list(1, 2), /at place 0 it holds { id: 2, .*should hold { id: 1/],
    [[{ id: 1 }], [{ id: '1' }], /at place 0/],
    [[{ id: 1, more: null }], [{ id: 1 }], /at place 0/],
  ])('%j is not %j', (held, wanted, says) => {
    expect(difference(held, wanted)).toMatch(says);
  });

  test('stays short with large events', () => {
    expect(difference([{ text: 'x'.repeat(1 << 20) }], [{ text: 'y'.repeat(1 << 20) }])!.length).toBeLessThan(2_000);
    expect(brief(Array(100_000).fill('x'.repeat(100))).length).toBeLessThan(2_000);
  });
});

describe('missing', () => {
  test('order and others do not matter, numbers do', () => {
    expect(missing(list(3, 2, 1), list(1, 2), 1)).toBeUndefined();
    expect(missing(list(1), list(1, 2), 1)).toMatch(/event 1 of 2 is in the sink 0 times, not once/);
    expect(missing(list(1, 1), list(1), 1)).toMatch(/2 times, not once/);
    expect(missing(list(1, 1), list(1), 2)).toBeUndefined();
    expect(missing(list(1, 1, 1), list(1), 2)).toMatch(/3 times, not 1 to 2 times/);
  });
});

test('plain: dates as texts, undefined as absent', () => {
  expect(plain({ at: new Date(0), none: undefined, list: [undefined] })).toEqual({ at: '1970-01-01T00:00:00.000Z', list: [null] });
  expect(plain(undefined)).toBeUndefined();
});
