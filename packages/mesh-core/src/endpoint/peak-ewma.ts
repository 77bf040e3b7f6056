/** After so many ms a third of a cost is left (1/e). */
const DECAY_MS = 10_000;

/**
 * Latency of an instance: a moving average that a slower answer lifts to itself at once, and that quicker ones, and time alone, lower with
 * a constant of 10 s. So one that became slow is avoided from its first slow answer on, and tried again some time later.
 */
export class PeakEwma {
  #cost = 0;
  #at = 0;
  #known = false;

  /** Whether anything was observed. */
  get known(): boolean {
    return this.#known;
  }

  /** The cost at a time not before the last observation, in ms. */
  at(now: number): number {
    return this.#cost * Math.exp((this.#at - now) / DECAY_MS);
  }

  /** An answer that took so long. */
  observe(ms: number, now: number): void {
    const left = Math.exp((this.#at - now) / DECAY_MS);
    const cost = this.#cost * left;
    this.#cost = ms >= cost ? ms : cost + ms * (1 - left);
    this.#at = now;
    this.#known = true;
  }

  /** It takes at least so long: lifts the cost, never lowers it. */
  atLeast(ms: number, now: number): void {
    if (!this.#known || ms > this.at(now)) this.observe(ms, now);
  }

  /** Forgets all of it. */
  clear(): void {
    this.#cost = 0;
    this.#known = false;
  }
}
