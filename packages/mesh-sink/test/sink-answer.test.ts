import { expect, test } from '@jest/globals';
import { answerFailure } from '../src/sink-answer.js';

const now = Date.parse('2026-01-01T00:00:00Z');
const failureOf = (status: number, headers: Readonly<Record<string, string>> = {}, text = '') => answerFailure({ status, headers, text, truncated: false }, 'Sink at https://sink.example', now);

test.each([200, 202, 204])('%d is none', (status) => expect(failureOf(status)).toBeUndefined());

test.each([
  [408, 'adapter_failed', true],
  [425, 'adapter_failed', true],
  [429, 'adapter_failed', true],
  [500, 'adapter_failed', true],
  [503, 'adapter_failed', true],
  [599, 'adapter_failed', true],
  [300, 'sink_not_found', false],
  [301, 'sink_not_found', false],
  [307, 'sink_not_found', false],
  [400, 'sink_refused', false],
  [404, 'sink_not_found', false],
  [405, 'sink_not_found', false],
  [410, 'sink_not_found', false],
  [422, 'sink_refused', false],
  [401, 'sink_unauthenticated', false],
  [403, 'sink_unauthenticated', false],
  [407, 'sink_unauthenticated', false],
  [413, 'sink_too_large', false],
])('%d is %s, retryable: %p', (status, reason, retryable) => {
  expect(failureOf(status, {}, 'said')).toMatchObject({ reason, retryable, text: expect.stringMatching(`^Sink at https://sink.example answered ${status}.*: said$`) });
});

test('how long to wait is what the service asks', () => {
  expect(failureOf(429, { 'retry-after': '7' })?.retryAfterMs).toBe(7_000);
  expect(failureOf(503, { 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' })?.retryAfterMs).toBe(60_000);
  expect(failureOf(429)?.retryAfterMs).toBeUndefined();
  expect(failureOf(400, { 'retry-after': '7' })?.retryAfterMs).toBeUndefined();
});

test('what it said is cut, and cannot act on a terminal', () => {
  const { text } = failureOf(400, {}, `\u001b[2J${'x'.repeat(10_000)}`)!;
  expect(text).toContain('\\u001b[2J');
  expect(text.length).toBeLessThan(400);
});
