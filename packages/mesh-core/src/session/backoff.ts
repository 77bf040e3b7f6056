/** When to dial again. */
export interface BackoffOptions {
  /** First wait, in ms. Default 100. */
  readonly initialMs: number;
  /** Longest wait, in ms. Default 5,000. */
  readonly maxMs: number;
}

export const DEFAULT_BACKOFF: BackoffOptions = Object.freeze({ initialMs: 100, maxMs: 5_000 });

/** Fills in what is not given; `undefined` counts as not given. */
export function completeBackoff(options: Partial<BackoffOptions> = {}): BackoffOptions {
  return { initialMs: options.initialMs ?? DEFAULT_BACKOFF.initialMs, maxMs: options.maxMs ?? DEFAULT_BACKOFF.maxMs };
}

/** Capped exponential backoff; each wait is drawn between half of it and all of it, so that a fleet does not dial in step. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #attempt = 0;

  constructor(options: BackoffOptions = DEFAULT_BACKOFF, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** The next wait, in ms. */
  next(): number {
    return this.#step(this.#attempt++);
  }

  /** A wait as the first one is, in ms; the next is what it would have been. */
  first(): number {
    return this.#step(0);
  }

  reset(): void {
    this.#attempt = 0;
  }

  #step(attempt: number): number {
    const full = Math.min(this.#options.maxMs, this.#options.initialMs * 2 ** Math.min(attempt, 30));
    return full * (0.5 + this.#random() / 2);
  }
}
