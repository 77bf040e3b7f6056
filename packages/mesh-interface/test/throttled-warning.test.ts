import { expect, test } from '@jest/globals';
import { FakeClock } from '../src/fake-clock.js';
import type { LogFields, Logger } from '../src/logger.js';
import { ThrottledWarning } from '../src/throttled-warning.js';

function throttled(level?: 'warn' | 'error') {
  const said: [string, string, LogFields | undefined][] = [];
  const add = (name: string) => (message: string, fields?: LogFields) => void said.push([name, message, fields]);
  const logger: Logger = { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') };
  const clock = new FakeClock();
  return { clock, subject: new ThrottledWarning(logger, clock, level), said };
}

test('the first is said at once; after 10 s the next one, with how many were held back between them', async () => {
  const { clock, subject, said } = throttled();
  for (let index = 0; index < 1_000; index++) subject.warn('failed', { index });
  await clock.advance(9_999);
  subject.warn('failed', { index: 1_000 });
  expect(said).toEqual([['warn', 'failed', { index: 0 }]]);
  await clock.advance(1);
  subject.warn('failed', { index: 1_001 });
  expect(said.slice(1)).toEqual([['warn', 'failed', { index: 1_001, heldBack: 1_000 }]]);
  await clock.advance(10_000);
  subject.warn('failed');
  expect(said.slice(2)).toEqual([['warn', 'failed', {}]]);
});

test('a clock that is set back keeps it no quieter', async () => {
  const { clock, subject, said } = throttled('error');
  subject.warn('failed');
  clock.jump(-3_600_000);
  await clock.advance(10_000);
  subject.warn('failed again');
  expect(said).toEqual([['error', 'failed', {}], ['error', 'failed again', {}]]);
});
