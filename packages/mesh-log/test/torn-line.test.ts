import { expect, test } from '@jest/globals';
import { isTorn } from '../src/torn-line.js';

const line = (...parts: (string | number)[]): Buffer => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.alloc(part))));

test.each<[string, Buffer, number, boolean]>([
  ['no zeros', line('x'.repeat(600)), 0, false],
  ['an empty line', line(), 512, false],
  ['a block in the middle', line('x'.repeat(12), 512, 'x'), 500, true],
  ['many blocks', line('x'.repeat(12), 5120, 'x'), 500, true],
  ['from the beginning of the line to the end of the block', line(12, 'x'), 500, true],
  ['from the beginning of the line over several blocks', line(12 + 1024, 'x'), 500, true],
  ['zeros that begin inside of a block', line('x', 11, 'x'), 500, false],
  ['zeros that end inside of a block', line('x'.repeat(12), 500, 'x'), 500, false],
  ['zeros at the beginning that end inside of a block', line(11, 'x'), 500, false],
  ['one zero', line('x'.repeat(11), 1, 'x'), 500, false],
  ['one zero at the edge of a block', line('x'.repeat(12), 1, 'x'), 500, false],
  ['one zero that is all there was of a block', line(1, 'x'), 511, true],
])('%s', (_what, bytes, offset, torn) => expect(isTorn(bytes, offset)).toBe(torn));
