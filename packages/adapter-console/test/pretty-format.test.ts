import { describe, expect, test } from '@jest/globals';
import { prettyLine, styleFor } from '../src/pretty-format.js';
import { eventOf, INJECTIONS, RAW_CONTROLS } from './support.js';

const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[(?:0|1|2|31|32|33)m`, 'g');

describe('the style', () => {
  test.each([
    ['a pipe', {}, {}, undefined, { color: false, localTime: false }],
    ['a terminal', { isTTY: true }, { TERM: 'xterm' }, undefined, { color: true, localTime: true }],
    ['a terminal, NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }, undefined, { color: false, localTime: true }],
    ['a terminal, NO_COLOR empty', { isTTY: true }, { NO_COLOR: '' }, undefined, { color: true, localTime: true }],
    ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }, undefined, { color: false, localTime: true }],
    ['a pipe, colors wanted', {}, { NO_COLOR: '1' }, true, { color: true, localTime: false }],
    ['a terminal, colors not wanted', { isTTY: true }, {}, false, { color: false, localTime: true }],
  ])('%s', (_name, stream, env, color, style) => {
    expect(styleFor(stream, env, color)).toEqual(style);
  });
});

describe('colors', () => {
  const plain = { color: false, localTime: false };
  const colored = { color: true, localTime: false };

  test('add nothing but colors: columns stay where they are', () => {
    const events = [
      eventOf('connection', { duration: 1, error: 'no' }, { targetServiceId: 'b' }),
      eventOf('system', { action: 'system.start', success: true }),
      eventOf('error', { metadata: { a: 1 } }),
    ];
    for (const event of events) {
      for (const level of ['error', 'warn', 'info', 'debug'] as const) {
        const line = prettyLine(event, level, colored);
        expect(line).toMatch(ESCAPES);
        expect(line.replace(ESCAPES, '')).toBe(prettyLine(event, level, plain));
      }
    }
  });

  test('whatever stands in an event, no other control character reaches the terminal, and each color ends within its line', () => {
    for (const text of INJECTIONS) {
      const event = eventOf('error', { action: text, error: text, metadata: { [text]: text } }, { id: text, serviceId: text, targetServiceId: text });
      const line = prettyLine(event, 'error', colored);
      const [inText, own] = [prettyLine(event, 'error', plain), line.match(ESCAPES)!];
      expect(RAW_CONTROLS.test(inText)).toBe(false);
      expect(line.replace(ESCAPES, '')).toBe(inText);
      expect(own).toHaveLength(8);
      expect(own.filter((escape) => escape === '\u001b[0m')).toHaveLength(4);
    }
  });
});
