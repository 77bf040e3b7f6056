import { MeshError, type InterceptedCall, type Interceptor, type PeerIdentity, type RateLimit, type RateLimitBucket, type RateLimitStore } from '@lemur-bookstores/mesh-interface';
import { LimitedBursts } from './limited-bursts.js';
import { MemoryRateLimitStore } from './memory-rate-limit-store.js';
import { completeRateLimiter, type RateLimiterOptions, type RateLimiterSettings } from './rate-limiter-options.js';

/** All whose identity nobody has proved. */
const UNPROVEN = 'unproven';
/** Names the general limit where a method is named. */
const ANY_METHOD = '*';
/** Questions to a store that are open at once; beyond that the own buckets decide: memory is bounded. */
const MAX_ASKED = 10_000;

/** Refuses calls of who calls too often: by verified identity, a token bucket each. */
export class RateLimiter {
  readonly #settings: RateLimiterSettings;
  readonly #own: MemoryRateLimitStore;
  readonly #store: RateLimitStore;
  readonly #total: RateLimitBucket | undefined;
  readonly #bursts: LimitedBursts;
  #asked = 0;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(options: RateLimiterOptions) {
    this.#settings = completeRateLimiter(options);
    const { clock, maxPeers, store, total, audit, auditWindowMs } = this.#settings;
    this.#own = new MemoryRateLimitStore({ clock, maxKeys: maxPeers });
    this.#store = store ?? this.#own;
    this.#total = total === undefined ? undefined : Object.freeze({ key: 'total', limit: total, total: true });
    this.#bursts = new LimitedBursts(audit, clock, auditWindowMs);
  }

  get direction(): 'inbound' | 'outbound' {
    return this.#settings.direction;
  }

  /**
   * Takes what one call costs.
   * @param subject whose bucket: the peer's verified id, or the service called
   * @returns 0 where it may go on, else in how many ms it may; a promise only where the store gives one
   */
  take(subject: string, method: string): number | Promise<number> {
    const buckets = this.#bucketsOf(subject, method);
    if (this.#store === this.#own || this.#asked >= MAX_ASKED) return this.#own.take(buckets);
    try {
      const answer = this.#store.take(buckets);
      return typeof answer === 'number' ? this.#checked(answer, buckets) : this.#inTime(answer, buckets);
    } catch {
      return this.#own.take(buckets);
    }
  }

  /** For calls of its direction; those of the other pass. */
  readonly interceptor: Interceptor = (call, next) => {
    if (call.direction !== this.#settings.direction) return next(call);
    const subject = call.direction === 'outbound' ? call.service : (call.peer?.id ?? UNPROVEN);
    const waitMs = this.take(subject, call.method);
    if (typeof waitMs !== 'number') {
      return waitMs.then((ms) => {
        if (ms > 0) throw this.#refusal(call, subject, ms);
        // Nobody waits for it any more: a handler that has not begun need not.
        if (call.signal.aborted) throw new MeshError('cancelled', `'${call.method}' was cancelled before it began`, { cause: call.signal.reason, mayHaveRun: false });
        return next(call);
      });
    }
    return waitMs > 0 ? Promise.reject(this.#refusal(call, subject, waitMs)) : next(call);
  };

  /**
   * What a call in gets that may go on only in `waitMs`; the trail learns of it.
   * @param waitMs what {@link take} gave
   */
  refusal(call: { readonly peer: PeerIdentity; readonly method: string }, waitMs: number): MeshError {
    return this.#refusal(call, call.peer.id, waitMs);
  }

  /** Says to the audit trail what was counted and not said yet: before it closes. */
  flush(): void {
    this.#bursts.flush();
  }

  #bucketsOf(subject: string, method: string): RateLimitBucket[] {
    const own = this.#settings.methods.get(method);
    const bucket = own === undefined ? { key: subject, limit: this.#settings.limit } : { key: `${subject} ${method}`, limit: own };
    return this.#total === undefined ? [bucket] : [bucket, this.#total];
  }

  /** A store that is down or slow lets nothing through unlimited and stops nothing: each replica then limits by itself. */
  #inTime(answer: Promise<number>, buckets: readonly RateLimitBucket[]): Promise<number> {
    const { clock, storeTimeoutMs } = this.#settings;
    this.#asked++;
    return new Promise((resolve) => {
      let isOpen = true;
      const settle = (waitMs: () => number): void => {
        if (!isOpen) return;
        isOpen = false;
        this.#asked--;
        timer.cancel();
        resolve(waitMs());
      };
      const timer = clock.setTimeout(() => settle(() => this.#own.take(buckets)), storeTimeoutMs);
      // Also what is no promise at all.
      Promise.resolve(answer).then(
        (waitMs) => settle(() => this.#checked(waitMs, buckets)),
        () => settle(() => this.#own.take(buckets)),
      );
    });
  }

  /** A store is somebody else's code: what is no number of ms from 0 up is no answer. */
  #checked(answer: number, buckets: readonly RateLimitBucket[]): number {
    return answer >= 0 && answer < Infinity ? answer : this.#own.take(buckets);
  }

  #refusal(call: Pick<InterceptedCall, 'peer' | 'method'>, subject: string, waitMs: number): MeshError {
    const { limit, methods, direction, total } = this.#settings;
    const own = methods.get(call.method);
    const of: RateLimit = own ?? limit;
    if (direction === 'inbound') this.#bursts.note({ peer: call.peer, method: own === undefined ? ANY_METHOD : call.method, limit: of });
    const retryAfterMs = Math.ceil(waitMs);
    const who = direction === 'inbound' ? `${subject} may call` : `this service may call ${subject}`;
    const what = own === undefined ? '' : ` '${call.method}'`;
    const together = total === undefined ? '' : `, all together ${total.maxRequests} times in ${total.windowMs} ms`;
    return new MeshError('rate_limited', `${who}${what} ${of.maxRequests} times in ${of.windowMs} ms${together}; again in ${retryAfterMs} ms`, { mayHaveRun: false, retryAfterMs });
  }
}
