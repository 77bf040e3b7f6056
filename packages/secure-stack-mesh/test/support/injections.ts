/** What a log line must not pass on: what it is, and a text that holds it. */
export const INJECTIONS: readonly (readonly [string, string])[] = [
  ['ESC', 'red\u001b[31mred\u001b[0m'],
  ['CSI of C1', 'red\u009b31mred'],
  ['OSC 8', '\u001b]8;;http://evil.example\u0007click\u001b]8;;\u0007'],
  ['OSC 52', '\u001b]52;c;ZXZpbA==\u0007'],
  ['OSC of C1', '\u009d52;c;ZXZpbA==\u009c'],
  ['CR', 'real\rforged'],
  ['LF', 'real\n{"level":"info","forged":true}'],
  ['CRLF', 'real\r\n2026-01-01T00:00:00.000Z  INFO   forged'],
  ['NEL', 'real\u0085forged'],
  ['U+2028', 'real\u2028forged'],
  ['U+2029', 'real\u2029forged'],
  ['bidi', '\u202egnorw\u202c \u2066x\u2069 \u061c'],
  ['NUL', 'cut\u0000off'],
  ['BS, DEL and BEL', 'abc\b\b\b\u007f\u0007'],
  ['invisible', 'a\u200b\u2060\ufeff\u00adb'],
  ['tags', 'a\u{e0041}\u{e007f}b'],
  ['half a surrogate pair', 'a\ud83db'],
  ['quotes and backslashes', '","forged":"\\u001b[31m\\'],
];

/** Some of each, in 1 MiB. */
export const HUGE_INJECTION = INJECTIONS.map(([, text]) => text)
  .join(' ')
  .repeat(10_000)
  .slice(0, 1024 * 1024);

/** What could move a terminal's cursor, end or reorder a line. A line's own end is not in what is looked at. */
export const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
