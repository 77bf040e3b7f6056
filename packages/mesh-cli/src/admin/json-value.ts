/** A value of somebody else's JSON: asked for by name and type, and `undefined` where it is not that. */
export class JsonValue {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  /** `undefined`: it is no JSON. */
  static parse(text: string): JsonValue | undefined {
    try {
      return new JsonValue(JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  /** What stands at these names, one below the other; of nothing nothing. */
  at(...names: readonly string[]): JsonValue {
    let value = this.#value;
    for (const name of names) value = typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
    return new JsonValue(value);
  }

  /** For `JSON.stringify`: all of it, on one line and without what was between. */
  toJSON(): unknown {
    return this.#value;
  }

  text(): string | undefined {
    return typeof this.#value === 'string' ? this.#value : undefined;
  }

  number(): number | undefined {
    return typeof this.#value === 'number' && Number.isFinite(this.#value) ? this.#value : undefined;
  }

  boolean(): boolean | undefined {
    return typeof this.#value === 'boolean' ? this.#value : undefined;
  }

  /** Empty where it is no list. */
  list(): JsonValue[] {
    return Array.isArray(this.#value) ? (this.#value as unknown[]).map((item) => new JsonValue(item)) : [];
  }

  /** Members of an object; empty where it is none. */
  entries(): [name: string, value: JsonValue][] {
    const value = this.#value;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value).map(([name, member]) => [name, new JsonValue(member)]) : [];
  }
}
