import type { Clock, EndpointBreakers, Interceptor, Logger, OwnAuditSink, RetryPolicy } from '@lemur-bookstores/mesh-interface';
import { CircuitBreaker, ConcurrencyLimit, RateLimiter, resilienceChain, Retry, type ResilienceOptions } from '@lemur-bookstores/mesh-resilience';

/** What every part gets unless its options name its own. */
interface Common {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly audit: OwnAuditSink;
}

/** What makes the calls of a mesh survive. */
export interface Resilience {
  /** One for each endpoint. */
  readonly breakers: EndpointBreakers;
  /** `undefined`: nothing is tried again. */
  readonly retry: RetryPolicy | undefined;
  /** The limits that were asked for; `undefined` where none was, so that calls pass no interceptor. */
  readonly limits: Interceptor | undefined;
  /** Says to the trail what was counted and not said yet. */
  flush(): void;
}

/** Breaker and retries are on unless the options say otherwise; limits are on where they were asked for. */
export function resilienceOf({ rateLimit, circuitBreaker, retry, concurrency }: ResilienceOptions, { clock, logger, audit }: Common): Resilience {
  const limiter = rateLimit === undefined ? undefined : new RateLimiter({ clock, audit, ...rateLimit });
  const places = concurrency === undefined ? undefined : new ConcurrencyLimit({ clock, ...concurrency });
  const limits = resilienceChain({
    ...(limiter === undefined ? {} : { [limiter.direction === 'inbound' ? 'rateLimiter' : 'outboundRateLimiter']: limiter }),
    ...(places === undefined ? {} : { [places.direction === 'inbound' ? 'concurrencyLimit' : 'outboundConcurrencyLimit']: places }),
  });
  return {
    breakers: new CircuitBreaker({ clock, logger, audit, ...circuitBreaker }),
    retry: retry === false ? undefined : new Retry({ clock, ...retry }).policy,
    limits: limiter === undefined && places === undefined ? undefined : limits,
    flush: () => limiter?.flush(),
  };
}
