import type { Clock } from '@lemur-bookstores/mesh-interface';
import type { RetrySettings } from './retry-options.js';

/**
 * The retries that one target's calls have earned. Whatever happens, in any time there are at most `burst + ratio × calls +
 * minPerSecond × seconds` of them: an outage is met by that much more load, and not by `maxAttempts` times as much.
 */
export class RetryBudget {
  readonly #options: Exclude<RetrySettings['budget'], false>;
  readonly #clock: Clock;
  #tokens: number;
  #filledAt: number;

  constructor(options: Exclude<RetrySettings['budget'], false>, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#tokens = options.burst;
    this.#filledAt = clock.monotonic();
  }

  /** Nothing is lost by forgetting it. */
  get isFull(): boolean {
    this.#fill();
    return this.#tokens >= this.#options.burst;
  }

  /** A call was made: it earns its share. No clock is read. */
  earn(): void {
    this.#tokens = Math.min(this.#options.burst, this.#tokens + this.#options.ratio);
  }

  /** Takes one retry, if there is one. */
  spend(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#options.burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#options.minPerSecond);
    this.#filledAt = now;
  }
}
