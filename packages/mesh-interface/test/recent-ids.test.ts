import { expect, test } from '@jest/globals';
import { RecentIds } from '../src/recent-ids.js';

test('remembers the last ids, and no more than twice its capacity', () => {
  const ids = new RecentIds(100);
  for (let index = 0; index < 1_000; index++) {
    expect(ids.add(`${index}`)).toBe(true);
    expect(ids.add(`${index}`)).toBe(false);
    if (index >= 99) expect(ids.add(`${index - 99}`)).toBe(false);
    if (index >= 300) expect(new Set([ids.add('x')]).size).toBe(1);
  }
  expect(ids.add('700')).toBe(true);
});
