import type { MeshError } from './mesh-error.js';
import type { CircuitBreakerState } from './metrics.js';

/** What a breaker gives for a call that it lets through; `0` is a refusal. Handed back once to {@link EndpointBreaker.settle}. */
export type BreakerTicket = number;

/** The circuit breaker of one endpoint. Synchronous; no promise, timer or object per call. Times are monotonic, in ms; each is the clock's unless given. */
export interface EndpointBreaker {
  /** An open one whose wait is over stays `open` until a call comes: that one makes it `half-open`. */
  readonly state: CircuitBreakerState;
  /** Whether {@link admit} would let a call through. Changes nothing: for who picks among endpoints. */
  isReady(now?: number): boolean;
  /** Lets a call through, or gives `0`. In `half-open` it takes the one probe's place. */
  admit(now?: number): BreakerTicket;
  /**
   * What became of a call, once for each ticket. For a ticket of an earlier state, and for `0`, nothing happens.
   * @param error `undefined` for a success
   * @param answered whether it is the endpoint's own answer: one that refuses a call is up, also where nothing ran. Default: where the
   * error says `mayHaveRun: true`
   */
  settle(ticket: BreakerTicket, error: MeshError | undefined, answered?: boolean, now?: number): void;
  /** The endpoint was out of reach, and is there again. An open breaker takes the next call as its probe, without the rest of its wait. */
  reachable(now?: number): void;
  /** What {@link refusal} says as `retryAfterMs`, without making an error: for who picks among endpoints that all refuse. */
  waitMs(now?: number): number;
  /** What a call gets that was refused: UNAVAILABLE, `circuit_open`, `mayHaveRun: false`, with `retryAfterMs`. */
  refusal(now?: number): MeshError;
}

/** Makes the breakers of endpoints: what mesh-resilience is to mesh-core. */
export interface EndpointBreakers {
  /**
   * A breaker of its own for each call of this. It is not kept here, and holds nothing that would have to be closed.
   * @param endpoint `host:port`: what transitions and audit events name it by
   */
  breakerFor(service: string, endpoint: string): EndpointBreaker;
}
