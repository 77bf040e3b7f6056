import { describe, expect, test } from '@jest/globals';
import { parseDuration, parseTime } from '../src/args/time-argument.js';

const NOW = Date.UTC(2026, 5, 1, 12);

test.each([
  ['30s', '2026-06-01T11:59:30.000Z'],
  ['15m', '2026-06-01T11:45:00.000Z'],
  ['2h', '2026-06-01T10:00:00.000Z'],
  ['7d', '2026-05-25T12:00:00.000Z'],
  ['2w', '2026-05-18T12:00:00.000Z'],
  ['2026-01-31', '2026-01-31T00:00:00.000Z'],
  ['2026-01-31T12:30', '2026-01-31T12:30:00.000Z'],
  ['2026-01-31 12:30:15', '2026-01-31T12:30:15.000Z'],
  ['2026-01-31T12:30:15.250Z', '2026-01-31T12:30:15.250Z'],
  ['2026-01-31T12:30:15.123456789Z', '2026-01-31T12:30:15.123Z'],
  ['2026-01-31T12:30+02:00', '2026-01-31T10:30:00.000Z'],
  ['2026-01-31T12:30:00-0530', '2026-01-31T18:00:00.000Z'],
  ['2024-02-29', '2024-02-29T00:00:00.000Z'],
])('%s is %s', (text, expected) => expect(parseTime(text, NOW).toISOString()).toBe(expected));

test.each(['', '7', '1x', '-5m', '1.5h', '5 m', 'yesterday', '2026', '2026-02-31', '2026-13-01', '2026-01-31T25:00', '2026-01-31T12', '31.1.2026', '2026-01-31T12:30+99:00', '99999999999d'])(
  "'%s' is no time",
  (text) => expect(() => parseTime(text, NOW)).toThrow(/^Give a date/),
);

describe('a duration', () => {
  test.each([['90s', 90_000], ['24h', 86_400_000], ['0d', 0]])('%s is %d ms', (text, expected) => expect(parseDuration(text)).toBe(expected));
  test.each(['', 's', '2026-01-31', '1y'])("'%s' is none", (text) => expect(() => parseDuration(text)).toThrow(/^Give a number/));
});
