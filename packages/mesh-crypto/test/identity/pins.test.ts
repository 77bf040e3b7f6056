import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { matchesPins, parsePins } from '../../src/identity/pins.js';

const pin = (text: string): string => createHash('sha256').update(text).digest('base64url');

test('one pin or several', () => {
  expect(parsePins(pin('a'))).toEqual([pin('a')]);
  expect(parsePins([pin('a'), pin('b')])).toEqual([pin('a'), pin('b')]);
  expect(Object.isFrozen(parsePins(pin('a')))).toBe(true);
});

test.each([
  ['an empty list', []],
  ['too many', Array.from({ length: 33 }, () => pin('a'))],
  ['too short', pin('a').slice(1)],
  ['padded', `${pin('a')}=`],
  ['base64 with + and /', `+/${pin('a').slice(2)}`],
  ['bits beyond the 256', `${pin('a').slice(0, 42)}B`],
  ['hex', createHash('sha256').update('a').digest('hex')],
  ['one bad among good ones', [pin('a'), 'x']],
])('%s: invalid_option', (_what, publicKey) => {
  expect(() => parsePins(publicKey)).toThrow(/^invalid_option: publicKey: /);
});

test('any pin may match any key', () => {
  expect(matchesPins([pin('a'), pin('b')], [pin('c'), pin('b')])).toBe(true);
  expect(matchesPins([pin('a')], [pin('b')])).toBe(false);
  expect(matchesPins([], [pin('b')])).toBe(false);
  expect(matchesPins(['short'], [pin('b')])).toBe(false);
});
