import { systemClock, type Clock, type RateLimit, type RateLimitBucket, type RateLimitStore } from '@lemur-bookstores/mesh-interface';

/** Buckets looked at, oldest first, whenever one is made: those that are full go. */
const SWEPT_EACH_TIME = 2;
/** The same where there is no room left. */
const SWEPT_WHEN_FULL = 64;
/** Part of a token that may be missing: sums of fractions are not exact. */
const TOLERANCE = 1e-3;

/**
 * Token buckets in memory, synchronous. A bucket is one number: when it will be full again (the theoretical arrival time of the generic
 * cell rate algorithm, ITU-T I.371). One that is full is as good as none, so idle peers take no room for long. Beyond `maxKeys` buckets
 * that are not full, those who come share one bucket of their limit: none goes unlimited, and none takes anybody else's bucket.
 */
export class MemoryRateLimitStore implements RateLimitStore {
  readonly #clock: Clock;
  readonly #maxKeys: number;
  /** By key, in the order in which the sweep last looked at them. */
  readonly #buckets = new Map<string, number>();
  /** Totals by key, and by their limit the buckets that those without room share: as many as there are limits. */
  readonly #kept = new Map<string, number>();

  constructor({ clock = systemClock, maxKeys = 10_000 }: { readonly clock?: Clock; readonly maxKeys?: number } = {}) {
    this.#clock = clock;
    this.#maxKeys = maxKeys;
  }

  /** Buckets that are kept, each with a peer of its own. */
  get size(): number {
    return this.#buckets.size;
  }

  take(buckets: readonly RateLimitBucket[]): number {
    const now = this.#clock.monotonic();
    const [only] = buckets;
    if (buckets.length === 1 && only !== undefined) {
      const fullAt = this.#fullAt(only, now);
      const waitMs = waitOf(fullAt, only.limit, now);
      if (waitMs === 0) this.#takeOne(only, fullAt, now);
      return waitMs;
    }
    let waitMs = 0;
    for (const bucket of buckets) waitMs = Math.max(waitMs, waitOf(this.#fullAt(bucket, now), bucket.limit, now));
    if (waitMs > 0) return waitMs;
    for (const bucket of buckets) this.#takeOne(bucket, this.#fullAt(bucket, now), now);
    return 0;
  }

  #fullAt({ key, limit, total }: RateLimitBucket, now: number): number {
    if (total === true) return this.#kept.get(key) ?? now;
    return this.#buckets.get(key) ?? (this.#hasRoom(now) ? now : (this.#kept.get(sharedKey(limit)) ?? now));
  }

  /** Takes one token from a bucket. */
  #takeOne({ key, limit, total }: RateLimitBucket, before: number, now: number): void {
    const fullAt = Math.max(before, now) + limit.windowMs / limit.maxRequests;
    if (total === true) this.#kept.set(key, fullAt);
    else if (this.#buckets.size < this.#maxKeys || this.#buckets.has(key)) this.#buckets.set(key, fullAt);
    else this.#kept.set(sharedKey(limit), fullAt);
  }

  /** Lets a few of the oldest go where they are full, else puts them behind the others. */
  #hasRoom(now: number): boolean {
    let left = this.#buckets.size < this.#maxKeys ? SWEPT_EACH_TIME : SWEPT_WHEN_FULL;
    for (const [key, fullAt] of this.#buckets) {
      if (left-- <= 0) break;
      this.#buckets.delete(key);
      if (fullAt > now) this.#buckets.set(key, fullAt);
    }
    return this.#buckets.size < this.#maxKeys;
  }
}

/** How long until a bucket that will be full at `fullAt` has a token, in ms. */
function waitOf(fullAt: number, { maxRequests, windowMs }: RateLimit, now: number): number {
  const perToken = windowMs / maxRequests;
  const waitMs = fullAt + perToken - windowMs - now;
  return waitMs > perToken * TOLERANCE ? waitMs : 0;
}

/** No identity and no service has a blank in it. */
const sharedKey = ({ maxRequests, windowMs }: RateLimit): string => `shared ${maxRequests} ${windowMs}`;
