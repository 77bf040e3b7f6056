import { randomInt } from 'node:crypto';

/** Numbers that look random and are the same for the same seed (mulberry32): a failing run can be repeated. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed = randomInt(2 ** 31)) {
    this.seed = seed;
    this.#state = seed;
  }

  /** From 0 up to, not including, `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }
}
