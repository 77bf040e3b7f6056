import type { Clock, ClockTimer } from '@lemur-bookstores/mesh-interface';

const FIRST_MS = 100;
const LONGEST_MS = 5_000;

/** Runs something again after failures in a row: after 100 ms, then twice as long each time, 5 s at most. */
export class RetryTimer {
  readonly #clock: Clock;
  #failures = 0;
  #timer: ClockTimer | undefined;
  #again: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a wait is under way. */
  get waits(): boolean {
    return this.#timer !== undefined;
  }

  /** @returns how many failures there were in a row */
  failed(again: () => void): number {
    this.#timer?.cancel();
    this.#again = again;
    this.#timer = this.#clock.setTimeout(() => this.#fire(), Math.min(FIRST_MS * 2 ** this.#failures, LONGEST_MS));
    return ++this.#failures;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Ends a wait under way at once. */
  skip(): void {
    if (this.#timer !== undefined) this.#fire();
  }

  /** Ends a wait under way for good. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #fire(): void {
    this.cancel();
    this.#again?.();
  }
}
