import { describe, expect, test } from '@jest/globals';
import { DER, DerReader, readOnly } from '../../src/identity/der-reader.js';
import { integerBytes, namedBits, oidText, smallInteger, timeMs } from '../../src/identity/der-values.js';

const bytes = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ''), 'hex');
const read = (hex: string): number => new DerReader(bytes(hex)).next().content.length;
const element = (hex: string): { tag: number; raw: Buffer; content: Buffer } => new DerReader(bytes(hex)).next();

describe('lengths', () => {
  test.each([
    ['0400', 0],
    [`047f${'00'.repeat(127)}`, 127],
    [`048180${'00'.repeat(128)}`, 128],
    [`04820100${'00'.repeat(256)}`, 256],
  ])('%#: the shortest form is read', (hex, length) => expect(read(hex)).toBe(length));

  test.each([
    ['one byte, long form', `04817f${'00'.repeat(127)}`],
    ['two bytes where one does', `048200ff${'00'.repeat(255)}`],
    ['indefinite', '0480040100 0000'],
    ['three bytes', `0483000100${'00'.repeat(256)}`],
    ['reserved', '04ff00'],
    ['longer than what is there', '040200'],
    ['cut off in the length', '0482ff'],
    ['cut off before the length', '04'],
    ['nothing', ''],
    ['a tag of two bytes', '1f8101 00'],
  ])('%s is refused', (_what, hex) => expect(() => read(hex)).toThrow(/^certificate_invalid: /));
});

test('nothing may follow', () => {
  expect(() => readOnly(bytes('040000'), DER.octetString, 'it')).toThrow(/bytes after the end of it/);
});

test('nesting ends at 8', () => {
  let nested = Buffer.alloc(0);
  for (let depth = 0; depth < 20; depth++) nested = Buffer.concat([Buffer.of(DER.sequence, nested.length), nested]);
  const enter = (reader: DerReader, levels: number): DerReader => (levels === 0 ? reader : enter(reader.enter(DER.sequence, 'level'), levels - 1));
  expect(enter(new DerReader(nested), 8).done).toBe(false);
  expect(() => enter(new DerReader(nested), 9)).toThrow(/nested too deeply/);
});

test('object identifiers', () => {
  expect(oidText(element('0603551d11'))).toBe('2.5.29.17');
  expect(oidText(element('06032b6570'))).toBe('1.3.101.112');
  expect(oidText(element('06082a8648ce3d040302'))).toBe('1.2.840.10045.4.3.2');
  expect(oidText(element('0602883 7'))).toBe('2.999');
  for (const bad of ['0600', '060255 8f', '06035580 01', `0641${'01'.repeat(65)}`]) expect(() => oidText(element(bad))).toThrow(/OBJECT IDENTIFIER/);
});

test('integers', () => {
  expect(integerBytes(element('02020080'))).toEqual(bytes('0080'));
  expect(smallInteger(element('02017f'))).toBe(127);
  for (const bad of ['0200', '0201ff', '0202007f']) expect(() => integerBytes(element(bad))).toThrow(/INTEGER/);
  expect(() => smallInteger(element('02020100'))).toThrow(/too big/);
});

test('named bits', () => {
  expect(namedBits(element('03020780'))).toBe(0b1);
  expect(namedBits(element('03020106'))).toBe(0b110_0000);
  expect(namedBits(element('0303070080'))).toBe(0b1_0000_0000);
  for (const bad of ['0300', '030100', '03020880', '03020000', '03020781', '03020080']) expect(() => namedBits(element(bad))).toThrow(/named bits/);
});

test('dates', () => {
  const utc = (text: string): number => timeMs(element(`170d${Buffer.from(text).toString('hex')}`));
  const general = (text: string): number => timeMs(element(`180f${Buffer.from(text).toString('hex')}`));
  expect(utc('260615120000Z')).toBe(Date.UTC(2026, 5, 15, 12));
  expect(utc('490101000000Z')).toBe(Date.UTC(2049, 0, 1));
  expect(utc('500101000000Z')).toBe(Date.UTC(1950, 0, 1));
  expect(utc('240229000000Z')).toBe(Date.UTC(2024, 1, 29));
  expect(general('99991231235959Z')).toBe(Date.UTC(9999, 11, 31, 23, 59, 59));
  for (const bad of ['230229000000Z', '261301000000Z', '260615240000Z', '260615126000Z', '260615120060Z']) expect(() => utc(bad)).toThrow(/does not exist/);
  for (const bad of ['2606151200 0Z', '26061512000-Z']) expect(() => utc(bad)).toThrow(/RFC 5280/);
  expect(() => general('20491231235959Z')).toThrow(/RFC 5280/);
});
