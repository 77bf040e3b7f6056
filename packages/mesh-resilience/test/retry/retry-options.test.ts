import { expect, test } from '@jest/globals';
import { completeRetry, retryProblems } from '../../src/retry/retry-options.js';
import { Retry } from '../../src/retry/retry.js';

test('the defaults are those that are documented', () => {
  expect(completeRetry()).toMatchObject({ maxAttempts: 3, initialDelay: 1_000, maxDelayMs: 30_000, budget: { ratio: 0.2, burst: 10, minPerSecond: 0.5, windowMs: 10_000 }, maxTargets: 1_000 });
  expect(completeRetry({ initialDelay: 40_000, budget: false })).toMatchObject({ maxDelayMs: 40_000, budget: false });
});

test('everything wrong is said at once, by path', () => {
  const wrong = { maxAttempts: 0, initialDelay: -1, maxDelayMs: 0.5, budget: 0.2, maxTargets: NaN, clock: {}, random: 1, retries: 3 };
  const problems = retryProblems(wrong, 'resilience.retry');
  expect(problems.map((problem) => problem.split(': ')[0]).sort()).toEqual(Object.keys(wrong).map((name) => `resilience.retry.${name}`).sort());
  expect(() => new Retry(wrong as never)).toThrow(expect.objectContaining({ reason: 'invalid_option' }));
});

test.each([
  [null, ['r: must be an object']],
  [{ maxAttempts: 11 }, ['r.maxAttempts: must be a whole number from 1 to 10']],
  [{ maxDelayMs: 999 }, ['r.maxDelayMs: must be r.initialDelay, 1000, or more']],
  [
    { budget: { ratio: 1.1, burst: 0, minPerSecond: NaN, windowMs: -1, tokens: 1 } },
    ['r.budget.tokens: is not an option; known here: ratio, burst, minPerSecond, windowMs', 'r.budget.ratio: must be a number from 0 to 1', 'r.budget.burst: must be a whole number of 1 or more', 'r.budget.minPerSecond: must be a number from 0 to 1000000', 'r.budget.windowMs: must be a whole number from 0 to 3600000'],
  ],
])('%j', (options, problems) => {
  expect(retryProblems(options, 'r')).toEqual(problems);
});
