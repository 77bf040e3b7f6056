/**
 * Remembers the last ids it was shown, at least `capacity` of them and at most twice as many: an event may be asked about twice, and come
 * again after a failure, but not long after.
 */
export class RecentIds {
  readonly #capacity: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** @returns whether the id is one it does not remember; from then on it does */
  add(id: string): boolean {
    if (this.#young.has(id) || this.#old.has(id)) return false;
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(id);
    return true;
  }
}
