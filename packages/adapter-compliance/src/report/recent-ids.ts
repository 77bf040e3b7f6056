/** What comes again comes soon: at least so many are remembered, at most twice as many. */
const MIN_IDS = 10_000;

/** Tells events that were delivered twice. */
export class RecentIds {
  #older: ReadonlySet<string> = new Set();
  #newer = new Set<string>();

  /** Whether it was asked before, lately. What is no text never was. */
  isKnown(id: unknown): boolean {
    if (typeof id !== 'string') return false;
    if (this.#newer.has(id) || this.#older.has(id)) return true;
    if (this.#newer.size >= MIN_IDS) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(id);
    return false;
  }
}
