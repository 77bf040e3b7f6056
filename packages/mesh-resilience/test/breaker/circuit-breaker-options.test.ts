import { expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { circuitBreakerProblems, completeCircuitBreaker } from '../../src/breaker/circuit-breaker-options.js';
import { CircuitBreaker } from '../../src/breaker/circuit-breaker.js';

test('the defaults are those that are documented', () => {
  expect(completeCircuitBreaker()).toMatchObject({ failureThreshold: 5, successThreshold: 2, timeout: 60_000, maxTimeoutMs: 300_000, strategy: 'consecutive', maxTargets: 1_000 });
  expect(completeCircuitBreaker({ strategy: {} })).toMatchObject({ strategy: { successRate: 0.8, minCalls: 5, windowMs: 10_000 } });
  expect(completeCircuitBreaker({ timeout: 10, failureThreshold: undefined })).toMatchObject({ timeout: 10, maxTimeoutMs: 50, failureThreshold: 5 });
});

test('everything wrong is said at once, by path', () => {
  const wrong = { failureThreshold: 0, successThreshold: 1.5, timeout: NaN, maxTimeoutMs: -1, strategy: 'sometimes', maxTargets: 0, audit: {}, logger: 1, clock: null, random: 0.5, threshold: 1 };
  const problems = circuitBreakerProblems(wrong, 'resilience.circuitBreaker');
  expect(problems.map((problem) => problem.split(': ')[0]).sort()).toEqual(Object.keys(wrong).map((name) => `resilience.circuitBreaker.${name}`).sort());
  expect(problems).toContain('resilience.circuitBreaker.failureThreshold: must be a whole number of 1 or more');
  expect(() => new CircuitBreaker(wrong as never)).toThrow(MeshError);
  expect(() => new CircuitBreaker({ failureThreshold: 0, timeout: Infinity })).toThrow(
    expect.objectContaining({ reason: 'invalid_option', details: { problems: ['circuitBreaker.failureThreshold: must be a whole number of 1 or more', 'circuitBreaker.timeout: must be a whole number of 1 or more'] } }),
  );
});

test.each([
  [5, ['c: must be an object']],
  [{ maxTimeoutMs: 59_999 }, ['c.maxTimeoutMs: must be c.timeout, 60000, or more']],
  [{ timeout: 10, maxTimeoutMs: 10 }, []],
  [{ strategy: { successRate: 0, minCalls: 0, windowMs: 9, rate: 1 } }, ['c.strategy.rate: is not an option; known here: successRate, minCalls, windowMs', 'c.strategy.successRate: must be a number above 0, at most 1', 'c.strategy.minCalls: must be a whole number of 1 or more', 'c.strategy.windowMs: must be a whole number of 10 or more']],
  [{ strategy: { successRate: NaN } }, ['c.strategy.successRate: must be a number above 0, at most 1']],
  [{ strategy: {}, failureThreshold: 3 }, ["c.failureThreshold: must be left out: it belongs to strategy 'consecutive'"]],
  [{ strategy: 1 }, ["c.strategy: must be 'consecutive' or { successRate, minCalls, windowMs }"]],
])('%j', (options, problems) => {
  expect(circuitBreakerProblems(options, 'c')).toEqual(problems);
});
