import { expect, test } from '@jest/globals';
import { textLines } from '../src/args/text-lines.js';

async function linesOf(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  const lines: string[] = [];
  const source = (async function* () {
    yield* chunks;
  })();
  for await (const line of textLines(source)) lines.push(line);
  return lines;
}

test('lines end at \\n and \\r\\n and nowhere else, however they come', async () => {
  const text = 'a\n\nb\u2028c\u0085d\r\n— é😀\ne\rf';
  const expected = ['a', '', 'b\u2028c\u0085d', '— é😀', 'e\rf'];
  expect(await linesOf(text)).toEqual(expected);
  expect(await linesOf(...text.split(''))).toEqual(expected);
  expect(await linesOf(...[...Buffer.from(text)].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
});

test('nothing is no line, and the last one needs no end', async () => {
  expect(await linesOf()).toEqual([]);
  expect(await linesOf('')).toEqual([]);
  expect(await linesOf('a\n')).toEqual(['a']);
  expect(await linesOf('a\nb')).toEqual(['a', 'b']);
});

test('a line without end does not fill the memory', async () => {
  const endless = (async function* () {
    for (;;) yield 'x'.repeat(1024 * 1024);
  })();
  await expect(textLines(endless).next()).rejects.toThrow(/^invalid_option: a line has more than/);
});
