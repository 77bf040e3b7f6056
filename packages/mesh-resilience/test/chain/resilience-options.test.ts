import { expect, test } from '@jest/globals';
import { resilienceProblems } from '../../src/chain/resilience-options.js';

test('the problems of all parts are said at once, by path', () => {
  const wrong = { rateLimit: { maxRequests: 0, windowMs: 1 }, circuitBreaker: { failureThreshold: 0, strategy: 'x' }, retry: { maxAttempts: 0 }, concurrency: { limit: 0 }, timeoutMs: 5, breaker: 1 };
  expect(resilienceProblems(wrong, 'resilience', ['timeoutMs']).map((problem) => problem.split(': ')[0])).toEqual([
    'resilience.breaker', 'resilience.rateLimit.maxRequests', 'resilience.circuitBreaker.failureThreshold', 'resilience.circuitBreaker.strategy', 'resilience.retry.maxAttempts', 'resilience.concurrency.limit',
  ]);
});

test('nothing, and what is left out or off, is right', () => {
  for (const options of [undefined, {}, { retry: false, circuitBreaker: false, concurrency: false, inheritDeadlines: true }, { rateLimit: undefined, retry: {}, circuitBreaker: undefined }]) expect(resilienceProblems(options)).toEqual([]);
  expect(resilienceProblems(5)).toEqual(['resilience: must be an object']);
  expect(resilienceProblems({ inheritDeadlines: 1 })).toEqual(['resilience.inheritDeadlines: must be true or false']);
  expect(resilienceProblems({ retry: true })).toEqual(['resilience.retry: must be an object']);
});
