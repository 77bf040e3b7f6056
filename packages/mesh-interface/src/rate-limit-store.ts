/** So many calls in so much time. */
export interface RateLimit {
  /** Calls at once after a pause, and in each `windowMs` in the long run: 1 or more. */
  readonly maxRequests: number;
  /** In ms, 1 or more. */
  readonly windowMs: number;
}

/** One token bucket of a store, and what fills it. */
export interface RateLimitBucket {
  /** Names the bucket; never empty. */
  readonly key: string;
  readonly limit: RateLimit;
  /** Of all peers together: a limiter has one of these, and it never makes room for another. */
  readonly total?: boolean;
}

/** Keeps the token buckets of a rate limiter. One that replicas share answers with promises. */
export interface RateLimitStore {
  /**
   * Takes one token from each of the buckets, or from none.
   * @returns 0 where they were taken, else how long to wait until they can be, in ms, above 0. A rejection, or no answer in time: the
   * limiter decides by buckets of its own.
   */
  take(buckets: readonly RateLimitBucket[]): number | Promise<number>;
}
