import type { CallGate, Clock, EndpointBreakers, Interceptor, Logger, OwnAuditSink, RetryPolicy } from '@lemur-bookstores/mesh-interface';
import { CircuitBreaker, ConcurrencyLimit, DeadlinePropagation, InboundGate, RateLimiter, resilienceChain, Retry, type ResilienceOptions } from '@lemur-bookstores/mesh-resilience';

/** What every part gets unless its options name its own. */
interface Common {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly audit: OwnAuditSink;
}

/** What makes the calls of a mesh survive. */
export interface Resilience {
  /** One for each endpoint. `undefined`: none has one. */
  readonly breakers: EndpointBreakers | undefined;
  /** `undefined`: nothing is tried again. */
  readonly retry: RetryPolicy | undefined;
  /** The limits of calls in. `undefined`: there are none. */
  readonly gate: CallGate | undefined;
  /** The limits of calls out. `undefined` where none was asked for, so that calls pass no interceptor. */
  readonly limits: Interceptor | undefined;
  /** `undefined`: calls that handlers make are no part of those they handle. */
  readonly scopes: DeadlinePropagation | undefined;
  /** Says to the trail what was counted and not said yet. */
  flush(): void;
}

/** Breaker, retries and the limit of calls that run at once are on unless the options say otherwise; other limits where they were asked for. */
export function resilienceOf({ rateLimit, circuitBreaker, retry, concurrency, inheritDeadlines = false }: ResilienceOptions, { clock, logger, audit }: Common): Resilience {
  // An option that is there and `undefined` is not given: the part's own default would be another clock than the mesh's.
  const limiter = rateLimit === undefined ? undefined : new RateLimiter({ ...rateLimit, clock: rateLimit.clock ?? clock, audit: rateLimit.audit ?? audit });
  const places = concurrency === false ? undefined : new ConcurrencyLimit({ ...concurrency, clock: concurrency?.clock ?? clock });
  // A limit of calls out stands beside the default for those that come in.
  const inboundPlaces = places?.direction === 'outbound' ? new ConcurrencyLimit({ clock }) : places;
  const rateLimiter = limiter?.direction === 'inbound' ? limiter : undefined;
  return {
    breakers: circuitBreaker === false ? undefined : new CircuitBreaker({ ...circuitBreaker, clock: circuitBreaker?.clock ?? clock, logger: circuitBreaker?.logger ?? logger, audit: circuitBreaker?.audit ?? audit }),
    retry: retry === false ? undefined : new Retry({ ...retry, clock: retry?.clock ?? clock }).policy,
    gate: rateLimiter === undefined && inboundPlaces === undefined ? undefined : new InboundGate({ rateLimiter, concurrencyLimit: inboundPlaces }),
    limits: outboundLimits(limiter, places),
    scopes: inheritDeadlines ? new DeadlinePropagation({ clock }) : undefined,
    flush: () => limiter?.flush(),
  };
}

function outboundLimits(limiter: RateLimiter | undefined, places: ConcurrencyLimit | undefined): Interceptor | undefined {
  const outboundRateLimiter = limiter?.direction === 'outbound' ? limiter : undefined;
  const outboundConcurrencyLimit = places?.direction === 'outbound' ? places : undefined;
  if (outboundRateLimiter === undefined && outboundConcurrencyLimit === undefined) return undefined;
  return resilienceChain({ outboundRateLimiter, outboundConcurrencyLimit });
}
