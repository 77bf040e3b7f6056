import { afterEach, expect, jest, test } from '@jest/globals';
import { outputOf } from '../src/output-tap.js';

afterEach(() => {
  jest.restoreAllMocks();
});

test('sees what goes to the console, stdout and stderr, lets it through, and leaves everything as it was', async () => {
  const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
  const write = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
  const replaced = [console.log, process.stderr.write];
  const output = await outputOf(async () => {
    console.log('one', { two: 2 });
    await Promise.resolve();
    process.stderr.write('three');
  });
  expect(output).toEqual(['one', { two: 2 }, 'three']);
  expect(log).toHaveBeenCalledWith('one', { two: 2 });
  expect(write).toHaveBeenCalledWith('three');
  expect([console.log, process.stderr.write]).toEqual(replaced);
  process.stderr.write('later');
  expect(output).toHaveLength(3);
});

test('also where what runs fails', async () => {
  const before = console.warn;
  await expect(outputOf(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(console.warn).toBe(before);
});
