import type { Clock } from '@lemur-bookstores/mesh-interface';
import { EarnedWindow } from './earned-window.js';
import type { RetrySettings } from './retry-options.js';

/**
 * The retries that one target's calls have earned. Whatever happens, in any time there are at most `burst + ratio × calls +
 * minPerSecond × seconds` of them: an outage is met by that much more load, and not by `maxAttempts` times as much.
 *
 * Calls that were lost with their connection may use, beside that, what the calls of the `windowMs` before have earned and not used: the end of one
 * instance takes with it all that it had in hand, in one moment, which says nothing of the others. It happens to a call once for each connection, so it
 * is not what multiplies an outage; and the share of all calls stays `ratio`.
 */
export class RetryBudget {
  readonly #options: Exclude<RetrySettings['budget'], false>;
  readonly #clock: Clock;
  readonly #beyond: EarnedWindow;
  #tokens: number;
  #filledAt: number;

  constructor(options: Exclude<RetrySettings['budget'], false>, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#beyond = new EarnedWindow(options.windowMs);
    this.#tokens = options.burst;
    this.#filledAt = clock.monotonic();
  }

  /** Little is lost by forgetting it. */
  get isFull(): boolean {
    this.#fill(this.#clock.monotonic());
    return this.#tokens >= this.#options.burst;
  }

  /** A call was made: it earns its share. */
  earn(now = this.#clock.monotonic()): void {
    const { burst, ratio } = this.#options;
    const tokens = this.#tokens + ratio;
    this.#tokens = Math.min(burst, tokens);
    if (tokens > burst) this.#beyond.earn(tokens - burst, now);
  }

  /** Takes one retry, if there is one. @param lost its connection ended */
  spend(lost: boolean): boolean {
    const now = this.#clock.monotonic();
    if (lost && this.#beyond.spend(now)) return true;
    this.#fill(now);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#options.burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#options.minPerSecond);
    this.#filledAt = now;
  }
}
