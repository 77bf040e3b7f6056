// Which requests a contract server spoils, and how: by chance with a seed, or the next ones by name.

/** What `FaultPlan` knows. Those after '503' are of the connection; a vendor's server may play further ones itself. */
export const FAULTS = ['400', '401', '403', '408', '413', '429', '429-retry-after', '500', '503', 'reset-before', 'reset-after', 'reset-in-answer', 'slow-body', 'garbage', 'hang'];

/** Those that a client is expected to come over by trying again. */
export const PASSING_FAULTS = ['408', '429', '429-retry-after', '500', '503', 'reset-before', 'reset-after', 'reset-in-answer', 'slow-body', 'garbage'];

/**
 * @typedef {object} FaultOptions
 * @property {number} [rate] share of the requests, 0 to 1
 * @property {readonly string[]} [kinds] of which one is drawn each time. Default: those that pass
 * @property {number} [seed] Default 1
 * @property {number} [retryAfterSeconds] of '429-retry-after'. Default 1
 */

export class FaultPlan {
  #rate;
  #kinds;
  #random;
  #retryAfterSeconds;
  #named = [];
  /** How often each kind was played. */
  counts = {};

  /** @param {FaultOptions} options */
  constructor({ rate = 0, kinds = PASSING_FAULTS, seed = 1, retryAfterSeconds = 1 } = {}) {
    this.#rate = rate;
    this.#kinds = kinds;
    this.#random = randomFrom(seed);
    this.#retryAfterSeconds = retryAfterSeconds;
  }

  /** From here on. */
  set(rate, kinds = this.#kinds) {
    this.#rate = rate;
    this.#kinds = kinds;
  }

  /**
   * The next requests meet this fault, before any that is drawn.
   * @param {{ count?: number, retryAfter?: number | string }} [options] `count`: Infinity until `clear()`. `retryAfter`: the header of '429-retry-after' and '503'
   */
  failNext(kind, { count = 1, retryAfter } = {}) {
    this.#named.push({ kind, left: count, retryAfter });
  }

  /** No named fault any more. */
  clear() {
    this.#named = [];
  }

  #current;

  /** @returns {string | undefined} what the request at hand meets */
  next() {
    this.#current = this.#named[0];
    if (this.#current !== undefined) {
      if (--this.#current.left <= 0) this.#named.shift();
      return this.#count(this.#current.kind);
    }
    if (this.#rate === 0 || this.#random() >= this.#rate) return undefined;
    return this.#count(this.#kinds[Math.floor(this.#random() * this.#kinds.length)]);
  }

  /** The status that a fault is, with its headers; `undefined` where it is none. */
  statusOf(kind) {
    if (kind === undefined || !/^\d{3}/.test(kind)) return undefined;
    const asked = this.#current?.retryAfter ?? (kind === '429-retry-after' ? this.#retryAfterSeconds : undefined);
    return { status: Number(kind.slice(0, 3)), headers: asked === undefined ? {} : { 'retry-after': String(asked) } };
  }

  #count(kind) {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    return kind;
  }
}

/** mulberry32: the same numbers for the same seed. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
