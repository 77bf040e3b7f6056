/** At most so many of something within any stretch of time of a length, exactly; remembers so many times. */
export class RateBound {
  readonly #max: number;
  readonly #windowMs: number;
  /** A ring of the last `max` times, on a monotonic clock. */
  readonly #times: number[] = [];
  #next = 0;

  constructor(max: number, windowMs: number) {
    this.#max = max;
    this.#windowMs = windowMs;
  }

  /** When there is room for one more: now or later. */
  freeAt(now: number): number {
    return this.#times.length < this.#max ? now : Math.max(now, this.#times[this.#next]! + this.#windowMs);
  }

  /** @returns whether there was room for one at this time, which it then takes */
  take(now: number): boolean {
    if (this.freeAt(now) > now) return false;
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % this.#max;
    return true;
  }
}
