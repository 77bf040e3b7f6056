/** A list that keeps so many and counts the others. Important items come first; of either kind those that came first stay. */
export class Selection<T> {
  readonly #max: number;
  readonly #important: T[] = [];
  readonly #ordinary: T[] = [];
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** All that were added. */
  get count(): number {
    return this.#count;
  }

  get notListed(): number {
    return this.#count - this.#important.length - this.#ordinary.length;
  }

  add(item: T, weight: 'important' | 'ordinary' = 'important'): void {
    this.#count += 1;
    const isFull = this.#important.length + this.#ordinary.length >= this.#max;
    if (!isFull) (weight === 'important' ? this.#important : this.#ordinary).push(item);
    else if (weight === 'important' && this.#ordinary.pop() !== undefined) this.#important.push(item);
  }

  /** Those that are kept, in the order of a text that is made of each. */
  sorted(by: (item: T) => string): T[] {
    const keyed = [...this.#important, ...this.#ordinary].map((item) => ({ item, text: by(item) }));
    // Not by locale: the same everywhere.
    keyed.sort((one, other) => (one.text < other.text ? -1 : one.text > other.text ? 1 : 0));
    return keyed.map(({ item }) => item);
  }
}
