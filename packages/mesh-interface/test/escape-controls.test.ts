import { describe, expect, test } from '@jest/globals';
import { escapeControls } from '../src/escape-controls.js';

describe('escapeControls', () => {
  test('every code point of C0, DEL, C1, and all named ones are escaped; letters, marks and emoji stay', () => {
    const dangerous = [...Array(0x20).keys(), 0x7f, ...Array.from({ length: 0x20 }, (_, index) => 0x80 + index), 0x2028, 0x2029, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0xfeff, 0xad, 0xd800, 0xdfff];
    for (const code of dangerous) expect(escapeControls(String.fromCharCode(code))).toBe(`\\u${code.toString(16).padStart(4, '0')}`);
    for (const text of ['plain', 'Grüße, Zürich', '日本語', 'e\u0301', '😀', 'שלום']) expect(escapeControls(text)).toBe(text);
  });

  test('a character of two halves is escaped in both, and so are the tags', () => {
    expect(escapeControls('a\u{e0001}b')).toBe('a\\udb40\\udc01b');
  });

  test('in JSON text the escapes mean what stood there', () => {
    const injections = ['\u001b[2J', '\u009b31m', '\u001b]52;c;ZXZpbA==\u0007', 'a\r\nINFO forged', 'a\u0085b\u2028c', '\u202egnp.exe', '\ud800lone', '\\u001b[31m', '"}\n{"forged":true}'];
    for (const text of injections) {
      const escaped = escapeControls(JSON.stringify({ text }));
      expect(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(escaped)).toBe(false);
      expect(JSON.parse(escaped)).toEqual({ text });
    }
  });
});
