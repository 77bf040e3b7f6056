/** An instance that has only begun gets this share of what it will get, so that its caches and its compiler have something to warm up on. */
const LEAST = 0.1;

/** Something that has been there for a time. */
interface Since {
  /** Monotonic, in ms. */
  readonly since: number;
}

/**
 * The share of an instance that is new, or is back, grows to that of the others with time. It counts against the instance that has been there
 * longest: where all of them are new, nobody is warm, and none is spared.
 */
export class SlowStart {
  readonly #ms: number;
  #oldest = 0;
  /** From then on all of them are warm. */
  #until = -Infinity;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Those that are chosen among. */
  replace(candidates: readonly Since[]): void {
    this.#oldest = Infinity;
    this.#until = -Infinity;
    for (const { since } of candidates) {
      this.#oldest = Math.min(this.#oldest, since);
      this.#until = Math.max(this.#until, since + this.#ms);
    }
  }

  /** Share of an instance, against 1 for the one that has been there longest. */
  weight({ since }: Since, now: number): number {
    return now >= this.#until ? 1 : this.#warmth(since, now) / this.#warmth(this.#oldest, now);
  }

  /** Whether one that was drawn is to be taken. */
  admits(candidate: Since, now: number, random: () => number): boolean {
    if (now >= this.#until) return true;
    const weight = this.weight(candidate, now);
    return weight >= 1 || random() < weight;
  }

  #warmth(since: number, now: number): number {
    return Math.min(1, Math.max(LEAST, (now - since) / this.#ms));
  }
}
