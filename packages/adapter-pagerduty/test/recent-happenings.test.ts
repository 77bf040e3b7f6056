import { expect, test } from '@jest/globals';
import { RecentHappenings } from '../src/recent-happenings.js';
import type { Fact } from '../src/rules.js';

const at = (ms: number): Fact => ({ at: ms, action: 'x', metadata: { large: 'x'.repeat(256) } });

test('those within the window count, by the time of the events, also where they come out of order', () => {
  const recent = new RecentHappenings(60_000);
  recent.add(at(10_000), 1);
  recent.add(at(0), 2);
  recent.add(at(69_999), 4);
  expect([recent.sum, recent.first?.at]).toEqual([5, 10_000]);
  recent.clear();
  expect([recent.sum, recent.first]).toEqual([0, undefined]);
});

test('a wall clock that jumps ends what was counted, and nothing else', () => {
  const recent = new RecentHappenings(60_000);
  for (const ms of [0, 3_600_000, 1]) recent.add(at(ms), 1);
  expect([recent.sum, recent.first?.at]).toEqual([1, 1]);
});

test('however many and however disordered they are, few are kept, without their metadata', () => {
  const recent = new RecentHappenings(60_000);
  for (let index = 0; index < 10_000; index++) recent.add(at(index % 2 === 0 ? 59_000 - (index % 59_000) : index % 59_000), 1);
  expect(recent.size).toBeLessThanOrEqual(120);
  expect(recent.first?.metadata).toEqual({});
});
