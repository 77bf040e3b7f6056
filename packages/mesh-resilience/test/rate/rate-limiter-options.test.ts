import { expect, test } from '@jest/globals';
import { completeRateLimiter, rateLimitProblems } from '../../src/rate/rate-limiter-options.js';
import { RateLimiter } from '../../src/rate/rate-limiter.js';

test('the defaults are those that are documented', () => {
  expect(completeRateLimiter({ maxRequests: 5, windowMs: 7 })).toMatchObject({
    limit: { maxRequests: 5, windowMs: 7 }, total: undefined, direction: 'inbound', maxPeers: 10_000, storeTimeoutMs: 100, auditWindowMs: 10_000,
  });
});

test('everything wrong is said at once, by path', () => {
  const wrong = {
    maxRequests: 0, windowMs: 0.5, methods: { refund: { maxRequests: -1, windowMs: 1, burst: 2 }, charge: 5 }, total: { maxRequests: NaN }, direction: 'both', maxPeers: 0, store: {}, storeTimeoutMs: 0,
    audit: 1, auditWindowMs: 0, clock: 1, per: 'ip',
  };
  const paths = [
    'maxRequests', 'windowMs', 'methods.refund.maxRequests', 'methods.refund.burst', 'methods.charge', 'total.maxRequests', 'total.windowMs', 'direction', 'maxPeers', 'store', 'storeTimeoutMs', 'audit', 'auditWindowMs', 'clock', 'per',
  ];
  const problems = rateLimitProblems(wrong, 'resilience.rateLimit');
  expect(problems.map((problem) => problem.split(': ')[0]).sort()).toEqual(paths.map((path) => `resilience.rateLimit.${path}`).sort());
  expect(() => new RateLimiter(wrong as never)).toThrow(expect.objectContaining({ reason: 'invalid_option' }));
});

test.each([
  [undefined, ['r: must be an object']],
  [{}, ['r.maxRequests: must be given', 'r.windowMs: must be given']],
  [{ maxRequests: 1, windowMs: 1, methods: [] }, ['r.methods: must be an object with a limit for each method']],
  [{ maxRequests: Infinity, windowMs: 1 }, ['r.maxRequests: must be a whole number of 1 or more']],
])('%j', (options, problems) => {
  expect(rateLimitProblems(options, 'r')).toEqual(problems);
});
