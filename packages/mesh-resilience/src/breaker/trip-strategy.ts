import type { SuccessRate } from './circuit-breaker-options.js';

/** Decides when a closed breaker opens. */
export interface TripStrategy {
  /** Calls that failed, of those it looks at. */
  readonly failures: number;
  /** Whether a success has to say when it was. */
  readonly keepsTime: boolean;
  /** Takes what became of a call. @returns whether the breaker opens; a success opens none */
  record(succeeded: boolean, now: number): boolean;
  reset(): void;
}

/** So many failures with no success between them. */
export class ConsecutiveFailures implements TripStrategy {
  readonly #threshold: number;
  readonly keepsTime = false;
  failures = 0;

  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  record(succeeded: boolean): boolean {
    if (succeeded) {
      this.failures = 0;
      return false;
    }
    return ++this.failures >= this.#threshold;
  }

  reset(): void {
    this.failures = 0;
  }
}

/** The window moves on by a tenth of its length: what is older goes little by little, and no moment wipes it. */
export const WINDOW_SLOTS = 10;

/** Too small a share of the calls of the last `windowMs` succeeded. */
export class SuccessRateWindow implements TripStrategy {
  readonly keepsTime = true;
  readonly #options: SuccessRate;
  readonly #slotMs: number;
  readonly #good = new Float64Array(WINDOW_SLOTS);
  readonly #bad = new Float64Array(WINDOW_SLOTS);
  #slot = -Infinity;

  constructor(options: SuccessRate) {
    this.#options = options;
    this.#slotMs = options.windowMs / WINDOW_SLOTS;
  }

  get failures(): number {
    return sum(this.#bad);
  }

  record(succeeded: boolean, now: number): boolean {
    const index = this.#turnTo(now);
    const counts = succeeded ? this.#good : this.#bad;
    counts[index] = (counts[index] as number) + 1;
    if (succeeded) return false;
    const good = sum(this.#good);
    const all = good + sum(this.#bad);
    return all >= this.#options.minCalls && good < this.#options.successRate * all;
  }

  reset(): void {
    this.#good.fill(0);
    this.#bad.fill(0);
  }

  /** Empties the slots of the time that has passed. */
  #turnTo(now: number): number {
    const slot = Math.floor(now / this.#slotMs);
    for (let passed = Math.max(this.#slot + 1, slot - WINDOW_SLOTS + 1); passed <= slot; passed++) {
      this.#good[passed % WINDOW_SLOTS] = 0;
      this.#bad[passed % WINDOW_SLOTS] = 0;
    }
    this.#slot = Math.max(this.#slot, slot);
    return slot % WINDOW_SLOTS;
  }
}

function sum(values: Float64Array): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] as number;
  return total;
}
