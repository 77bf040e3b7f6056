import { expect, test } from '@jest/globals';
import { UnderWay } from '../src/under-way.js';

test('what is tracked ends as it does, and is waited for until then', async () => {
  const underWay = new UnderWay();
  const seen: string[] = [];
  let finish!: (value: string) => void;
  let fail!: (error: Error) => void;
  const first = underWay.track(new Promise<string>((resolve) => (finish = resolve)));
  const second = underWay.track(new Promise<string>((_resolve, reject) => (fail = reject)));
  const ended = underWay.ended().then(() => seen.push('ended'));
  finish('done');
  await expect(first).resolves.toBe('done');
  expect(seen).toEqual([]);
  fail(new Error('broken'));
  await expect(second).rejects.toThrow('broken');
  await ended;
  expect(seen).toEqual(['ended']);
  await underWay.ended();
});
