import { expect, test } from '@jest/globals';
import type { Logger } from '../src/logger.js';
import { SafeLogger } from '../src/safe-logger.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const loggerWhich = (say: (...said: unknown[]) => unknown): Logger => Object.fromEntries(LEVELS.map((level) => [level, (...said: unknown[]) => say(level, ...said)])) as unknown as Logger;

test('passes on what is said', () => {
  const heard: unknown[][] = [];
  const logger = new SafeLogger(loggerWhich((...said) => void heard.push(said)));
  for (const level of LEVELS) logger[level]('message', { a: 1 });
  logger.warn('alone');
  expect(heard).toEqual([...LEVELS.map((level) => [level, 'message', { a: 1 }]), ['warn', 'alone', undefined]]);
});

test.each<[string, () => unknown]>([
  ['throws', () => { throw new Error('bug'); }],
  ['rejects', () => Promise.reject(new Error('bug'))],
  ['answers a thenable that throws', () => ({ then: () => { throw new Error('bug'); } })],
])('one that %s reaches nobody', async (_what, say) => {
  const logger = new SafeLogger(loggerWhich(say));
  for (const level of LEVELS) expect(logger[level]('message')).toBeUndefined();
  // A rejection that nobody handles would end this test.
  await new Promise((resolve) => setImmediate(resolve));
});
