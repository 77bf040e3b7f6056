import { OptionCheck } from '@lemur-bookstores/mesh-interface';
import { circuitBreakerProblems, type CircuitBreakerOptions } from '../breaker/circuit-breaker-options.js';
import { concurrencyProblems, type ConcurrencyLimitOptions } from '../concurrency/concurrency-limit-options.js';
import { rateLimitProblems, type RateLimiterOptions } from '../rate/rate-limiter-options.js';
import { retryProblems, type RetryOptions } from '../retry/retry-options.js';

/** Options of all parts: `resilience` of a mesh. */
export interface ResilienceOptions {
  readonly rateLimit?: RateLimiterOptions | undefined;
  /** `false`: instances have no breaker. */
  readonly circuitBreaker?: CircuitBreakerOptions | false | undefined;
  /** `false`: every call is one attempt. */
  readonly retry?: RetryOptions | false | undefined;
  /** `false`: calls in are not limited. Default: a limit of calls in with its defaults. */
  readonly concurrency?: ConcurrencyLimitOptions | false | undefined;
  /** Calls that a handler makes end no later than the call that it handles, and carry its trace. Default `false`. */
  readonly inheritDeadlines?: boolean | undefined;
}

const NAMES = ['rateLimit', 'circuitBreaker', 'retry', 'concurrency', 'inheritDeadlines'] as const satisfies readonly (keyof ResilienceOptions)[];

/**
 * What is wrong with the options of all parts, each problem by its path.
 * @param others names that belong to whoever asks, and that it checks itself, e.g. `timeoutMs`
 */
export function resilienceProblems(options: unknown = {}, path = 'resilience', others: readonly string[] = []): string[] {
  const check = new OptionCheck(path);
  if (!check.isObject(options, [...NAMES, ...others])) return check.problems;
  const { rateLimit, circuitBreaker, retry, concurrency, inheritDeadlines } = options;
  check.boolean('inheritDeadlines', inheritDeadlines);
  return [
    ...check.problems,
    ...(rateLimit === undefined ? [] : rateLimitProblems(rateLimit, `${path}.rateLimit`)),
    ...(circuitBreaker === false ? [] : circuitBreakerProblems(circuitBreaker, `${path}.circuitBreaker`)),
    ...(retry === false ? [] : retryProblems(retry, `${path}.retry`)),
    ...(concurrency === false ? [] : concurrencyProblems(concurrency, `${path}.concurrency`)),
  ];
}
