import { expect, test } from '@jest/globals';
import { bitString, element, explicit, implicit, integer, namedBits, objectId, octetString, time } from '../src/der-writer.js';

const hex = (bytes: Buffer): string => bytes.toString('hex');

test('lengths are in their shortest form', () => {
  const header = (length: number): string => hex(element(4, Buffer.alloc(length)).subarray(0, 4));
  expect(hex(element(4))).toBe('0400');
  expect(header(127)).toBe('047f0000');
  expect(header(128)).toBe('04818000');
  expect(header(255)).toBe('0481ff00');
  expect(header(256)).toBe('04820100');
  expect(header(65_535)).toBe('0482ffff');
  expect(() => header(65_536)).toThrow(RangeError);
});

test('integers are positive and in their shortest form', () => {
  expect(hex(integer(Buffer.of(0, 0, 1)))).toBe('020101');
  expect(hex(integer(Buffer.of(0x80)))).toBe('02020080');
  expect(hex(integer(Buffer.of(0x7f, 0)))).toBe('02027f00');
  expect(hex(integer(Buffer.of(0, 0)))).toBe('020100');
});

test('named bits end with the last one that is set', () => {
  expect(hex(namedBits(0))).toBe('03020780');
  expect(hex(namedBits(5, 6))).toBe('03020106');
});

test('object identifiers', () => {
  expect(hex(objectId('2.5.29.17'))).toBe('0603551d11');
  expect(hex(objectId('1.2.840.10045.4.3.2'))).toBe('06082a8648ce3d040302');
});

test('tags in front of and in place of the own', () => {
  expect(hex(explicit(0, integer(Buffer.of(2))))).toBe('a003020102');
  expect(hex(implicit(6, Buffer.from('a')))).toBe('860161');
  expect(hex(bitString(Buffer.of(1)))).toBe('03020001');
  expect(hex(octetString(Buffer.of(1)))).toBe('040101');
});

test('dates change their form with 2050', () => {
  expect(time(Date.UTC(2049, 11, 31, 23, 59, 59, 999)).toString('latin1', 2)).toBe('491231235959Z');
  expect(time(Date.UTC(2050, 0, 1)).toString('latin1', 2)).toBe('20500101000000Z');
});
