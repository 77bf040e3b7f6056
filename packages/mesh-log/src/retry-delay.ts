import type { Clock } from '@lemur-bookstores/mesh-interface';

const FIRST_MS = 100;
const LONGEST_MS = 5000;

/** How long to wait after failures in a row: 100 ms, then twice as long each time, 5 s at most. */
export class RetryDelay {
  readonly #clock: Clock;
  #failures = 0;
  #since = 0;
  #skip: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns how many failures there were in a row */
  failed(): number {
    if (this.#failures === 0) this.#since = this.#clock.monotonic();
    this.#failures += 1;
    return this.#failures;
  }

  /** How long ago the first of them was, in ms. */
  get failingMs(): number {
    return this.#clock.monotonic() - this.#since;
  }

  reset(): void {
    this.#failures = 0;
  }

  async wait(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, Math.min(FIRST_MS * 2 ** (this.#failures - 1), LONGEST_MS));
      this.#skip = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#skip = undefined;
  }

  /** Ends a wait under way. */
  skip(): void {
    this.#skip?.();
  }
}
