/** What is under way, for whoever must wait for its end: `flush()` and `close()` of an adapter. */
export class UnderWay {
  readonly #all = new Set<Promise<unknown>>();

  /** @returns as the work does */
  async track<Result>(work: Promise<Result>): Promise<Result> {
    this.#all.add(work);
    try {
      return await work;
    } finally {
      this.#all.delete(work);
    }
  }

  /** Resolves when all that is under way has ended, whichever way. Never rejects. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#all);
  }
}
