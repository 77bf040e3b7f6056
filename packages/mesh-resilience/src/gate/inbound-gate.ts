import { refuseProblems, type CallGate, type GatedCall, type MeshError } from '@lemur-bookstores/mesh-interface';
import type { ConcurrencyLimit } from '../concurrency/concurrency-limit.js';
import type { RateLimiter } from '../rate/rate-limiter.js';

/** What a gate is made of; what is left out lets everything in. */
export interface InboundGateParts {
  readonly rateLimiter?: RateLimiter | undefined;
  readonly concurrencyLimit?: ConcurrencyLimit | undefined;
}

/**
 * The limits of calls in, as a mesh node asks them: the same as their interceptors, in the same order, without an AbortController, a promise
 * or a closure per call.
 */
export class InboundGate implements CallGate {
  readonly #rateLimiter: RateLimiter | undefined;
  readonly #concurrencyLimit: ConcurrencyLimit | undefined;
  /** Whose bucket a store that is not synchronous is asked about. */
  readonly #asking = new Set<GatedCall>();

  /** @throws MeshError `invalid_option` for a limit of calls out */
  constructor({ rateLimiter, concurrencyLimit }: InboundGateParts) {
    refuseProblems(Object.entries({ rateLimiter, concurrencyLimit }).flatMap(([name, part]) => (part === undefined || part.direction === 'inbound' ? [] : [`${name}: is for outbound calls`])));
    this.#rateLimiter = rateLimiter;
    this.#concurrencyLimit = concurrencyLimit;
  }

  enter(call: GatedCall): MeshError | 'wait' | undefined {
    const limiter = this.#rateLimiter;
    if (limiter === undefined) return this.#concurrencyLimit?.enter(call);
    const waitMs = limiter.take(call.peer.id, call.method);
    if (typeof waitMs === 'number') return waitMs > 0 ? limiter.refusal(call, waitMs) : this.#concurrencyLimit?.enter(call);
    this.#asking.add(call);
    // A rate limiter's promise never rejects: where the store fails, its own buckets answer.
    void waitMs.then((ms) => this.#answered(limiter, call, ms));
    return 'wait';
  }

  leave(call: GatedCall): void {
    if (!this.#asking.delete(call)) this.#concurrencyLimit?.leave(call);
  }

  ended(): void {
    this.#concurrencyLimit?.ended();
  }

  #answered(limiter: RateLimiter, call: GatedCall, waitMs: number): void {
    // It has left: its token is gone, and it takes no place.
    if (!this.#asking.delete(call)) return;
    if (waitMs > 0) return call.onRefused(limiter.refusal(call, waitMs));
    const answer = this.#concurrencyLimit?.enter(call);
    if (answer === undefined) call.onPlace();
    else if (answer !== 'wait') call.onRefused(answer);
  }
}
