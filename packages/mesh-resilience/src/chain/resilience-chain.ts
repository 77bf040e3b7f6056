import { refuseProblems, type Interceptor } from '@lemur-bookstores/mesh-interface';
import type { CircuitBreaker } from '../breaker/circuit-breaker.js';
import type { ConcurrencyLimit } from '../concurrency/concurrency-limit.js';
import type { DeadlinePropagation } from '../deadline/deadline-propagation.js';
import type { RateLimiter } from '../rate/rate-limiter.js';
import type { Retry } from '../retry/retry.js';
import { compose } from './compose.js';

type LimitName = 'rateLimiter' | 'outboundRateLimiter' | 'concurrencyLimit' | 'outboundConcurrencyLimit';

/** What a chain is made of; what is left out costs nothing. */
export interface ResilienceParts {
  readonly rateLimiter?: RateLimiter | undefined;
  /** A second one, for the other direction. */
  readonly outboundRateLimiter?: RateLimiter | undefined;
  readonly deadline?: DeadlinePropagation | undefined;
  readonly concurrencyLimit?: ConcurrencyLimit | undefined;
  readonly outboundConcurrencyLimit?: ConcurrencyLimit | undefined;
  readonly retry?: Retry | undefined;
  readonly circuitBreaker?: CircuitBreaker | undefined;
}

/**
 * The order for each direction; the first one is outermost.
 * - Rate limits come first: a call that is refused takes no place, waits for nothing and is no attempt.
 * - The deadline comes before whatever waits: places and retries keep to it.
 * - Retries are inside the place that a call has: a call that waits to be tried again is load.
 * - The breaker is innermost: it sees each attempt and its timeout, and what it refuses can be tried again.
 */
export const CHAIN_ORDER = Object.freeze({
  inbound: ['rateLimiter', 'deadline', 'concurrencyLimit'],
  outbound: ['outboundRateLimiter', 'deadline', 'outboundConcurrencyLimit', 'retry', 'circuitBreaker'],
} as const satisfies Record<'inbound' | 'outbound', readonly (keyof ResilienceParts)[]>);

/**
 * One interceptor of all parts, in {@link CHAIN_ORDER}.
 * @throws MeshError `invalid_option` for a limit that is for calls of the other direction
 */
export function resilienceChain(parts: ResilienceParts): Interceptor {
  refuseProblems([
    ...directionProblems(parts, 'rateLimiter', 'inbound'),
    ...directionProblems(parts, 'outboundRateLimiter', 'outbound'),
    ...directionProblems(parts, 'concurrencyLimit', 'inbound'),
    ...directionProblems(parts, 'outboundConcurrencyLimit', 'outbound'),
  ]);
  const chain = (names: readonly (keyof ResilienceParts)[]): Interceptor => compose(names.flatMap((name) => parts[name]?.interceptor ?? []));
  const [inbound, outbound] = [chain(CHAIN_ORDER.inbound), chain(CHAIN_ORDER.outbound)];
  return (call, next) => (call.direction === 'inbound' ? inbound(call, next) : outbound(call, next));
}

function directionProblems(parts: ResilienceParts, name: LimitName, direction: 'inbound' | 'outbound'): string[] {
  const part = parts[name];
  return part === undefined || part.direction === direction ? [] : [`${name}: is for ${part.direction} calls`];
}
