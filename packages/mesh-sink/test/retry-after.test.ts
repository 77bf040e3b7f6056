import { expect, test } from '@jest/globals';
import { retryAfterMs } from '../src/retry-after.js';

const now = Date.parse('2026-01-01T00:00:00Z');

test('seconds', () => {
  expect(retryAfterMs('0', now)).toBe(0);
  expect(retryAfterMs(' 120 ', now)).toBe(120_000);
});

test('a date', () => {
  expect(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', now)).toBe(30_000);
  expect(retryAfterMs('Wed, 31 Dec 2025 23:59:00 GMT', now)).toBe(0);
});

test.each([undefined, '', '  ', '-5', '1.5', '1e3', 'soon', '99999999999', 'Thu, 99 Foo'])('nothing that can be read: %p', (value) => {
  expect(retryAfterMs(value, now)).toBeUndefined();
});
