/** A Map of at most so many entries: what it makes beyond that takes the place of another. */
export class BoundedMap<Value> {
  readonly #max: number;
  readonly #make: (key: string) => Value;
  readonly #mayGo: (value: Value) => boolean;
  readonly #entries = new Map<string, Value>();

  /** @param mayGo nothing is lost by forgetting it: the oldest of these goes first, then the oldest of all */
  constructor(max: number, make: (key: string) => Value, mayGo: (value: Value) => boolean) {
    this.#max = max;
    this.#make = make;
    this.#mayGo = mayGo;
  }

  get size(): number {
    return this.#entries.size;
  }

  values(): IterableIterator<Value> {
    return this.#entries.values();
  }

  get(key: string): Value {
    return this.#entries.get(key) ?? this.#add(key);
  }

  #add(key: string): Value {
    if (this.#entries.size >= this.#max) this.#entries.delete(this.#victim());
    const value = this.#make(key);
    this.#entries.set(key, value);
    return value;
  }

  #victim(): string {
    for (const [key, value] of this.#entries) if (this.#mayGo(value)) return key;
    return this.#entries.keys().next().value as string;
  }
}
