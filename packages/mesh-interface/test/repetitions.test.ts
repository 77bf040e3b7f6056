import { expect, test } from '@jest/globals';
import { FakeClock } from '../src/fake-clock.js';
import { MAX_TOLD_APART, Repetitions } from '../src/repetitions.js';

function repetitions(until: 'window' | 'burst') {
  const clock = new FakeClock();
  const said: [string, number][] = [];
  const subject = new Repetitions<string>({ clock, windowMs: 1_000, until, say: (last, count) => said.push([last, count]), sayOthers: (count, group) => said.push([`others ${group}`, count]) });
  return { clock, subject, said: () => said.splice(0) };
}

test('the first time at once, then the last one with a number each window', async () => {
  const { clock, subject, said } = repetitions('window');
  for (const item of ['a1', 'b1', 'a2', 'a3']) subject.note(item[0]!, item);
  expect(said()).toEqual([['a1', 1], ['b1', 1]]);
  await clock.advance(1_000);
  expect(said()).toEqual([['a3', 2]]);
});

test("until 'window': the next one is a first time again", async () => {
  const { clock, subject, said } = repetitions('window');
  subject.note('a', 'a1');
  subject.note('a', 'a2');
  await clock.advance(1_000);
  subject.note('a', 'a3');
  expect(said()).toEqual([['a1', 1], ['a2', 1], ['a3', 1]]);
});

test("until 'burst': it is counted until a window passes without it", async () => {
  const { clock, subject, said } = repetitions('burst');
  subject.note('a', 'a1');
  subject.note('a', 'a2');
  await clock.advance(1_000);
  subject.note('a', 'a3');
  expect(said()).toEqual([['a1', 1], ['a2', 1]]);
  await clock.advance(1_000);
  expect(said()).toEqual([['a3', 1]]);
  await clock.advance(1_000);
  subject.note('a', 'a4');
  expect(said()).toEqual([['a4', 1]]);
});

test.each(['window', 'burst'] as const)("too many to be told apart are one number for each group; sums are exact (until '%s')", async (until) => {
  const { clock, subject, said } = repetitions(until);
  for (let index = 0; index < MAX_TOLD_APART + 7; index++) subject.note(String(index), String(index), index % 2 === 0 ? 'even' : 'odd');
  expect(said()).toHaveLength(MAX_TOLD_APART);
  await clock.advance(1_000);
  expect(said()).toEqual([['others even', 4], ['others odd', 3]]);
});

test('flush says what was counted, and forgets it', async () => {
  const { clock, subject, said } = repetitions('burst');
  for (const item of ['a1', 'a2']) subject.note('a', item);
  subject.flush();
  expect(said()).toEqual([['a1', 1], ['a2', 1]]);
  await clock.advance(10_000);
  subject.note('a', 'a3');
  expect(said()).toEqual([['a3', 1]]);
});
