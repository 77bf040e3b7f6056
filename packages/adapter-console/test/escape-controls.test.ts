import { describe, expect, test } from '@jest/globals';
import { escapeControls } from '../src/escape-controls.js';
import { printable } from '../src/printable.js';
import { INJECTIONS, RAW_CONTROLS } from './support.js';

describe('escapeControls', () => {
  test('every code point of C0, DEL, C1, and all named ones are escaped; letters, marks and emoji stay', () => {
    const dangerous = [...Array(0x20).keys(), 0x7f, ...Array.from({ length: 0x20 }, (_, index) => 0x80 + index), 0x2028, 0x2029, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0xfeff, 0xad, 0xd800, 0xdfff];
    for (const code of dangerous) expect(escapeControls(String.fromCharCode(code))).toBe(`\\u${code.toString(16).padStart(4, '0')}`);
    for (const text of ['plain', 'Grüße, Zürich', '日本語', 'e\u0301', '😀', 'שלום']) expect(escapeControls(text)).toBe(text);
  });

  test('in JSON text the escapes mean what stood there', () => {
    for (const text of INJECTIONS) {
      const escaped = escapeControls(JSON.stringify({ text }));
      expect(RAW_CONTROLS.test(escaped)).toBe(false);
      expect(JSON.parse(escaped)).toEqual({ text });
    }
  });
});

describe('printable', () => {
  test('makes JSON of what is none', () => {
    expect(printable({ a: 1n, b: NaN, c: Symbol('s'), d: () => 1, e: new Date(0), f: Buffer.from('abc'), g: null, h: undefined, i: new Date(NaN), j: true })).toEqual({
      a: '1', b: 'NaN', c: '[symbol]', d: '[function]', e: '1970-01-01T00:00:00.000Z', f: '[3 bytes]', g: null, h: undefined, i: 'Invalid Date', j: true,
    });
  });

  test('caps strings, names, lists, objects, depth and the whole, with marks', () => {
    expect(printable('x'.repeat(8_193))).toBe(`${'x'.repeat(8_192)}…[+1 chars]`);
    expect(Object.keys(printable({ ['n'.repeat(300)]: 1 }) as object)).toEqual([`${'n'.repeat(256)}…[+44 chars]`]);
    expect((printable(Array(150).fill(1)) as unknown[]).slice(99)).toEqual([1, '[50 more]']);
    expect(printable(Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`n${index}`, 1])))).toMatchObject({ n99: 1, '…': '[1 more]' });
    const branching: Record<string, unknown> = {};
    for (let index = 0; index < 100; index++) branching[`self${index}`] = branching;
    expect(JSON.stringify(printable(branching)).length).toBeLessThan(2_000_000);
    const nested = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown;
    expect(JSON.stringify(printable(nested))).toBe(`${'['.repeat(8)}"[deep]"${']'.repeat(8)}`);
  });

  test('names of the prototype are names', () => {
    const copy = printable(JSON.parse('{"__proto__":{"polluted":true}}')) as object;
    expect(Object.keys(copy)).toEqual(['__proto__']);
    expect((copy as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
