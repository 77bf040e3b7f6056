import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Gathers everything that is wrong with a set of options, each by its path, so that all of it is said at once. */
export class OptionProblems {
  readonly #found: string[] = [];

  /** Notes a problem. */
  add(path: string, problem: string): void {
    this.#found.push(`${path}: ${problem}`);
  }

  /** Notes what another package's check lists, by paths from the top. */
  addAll(problems: readonly string[]): void {
    this.#found.push(...problems);
  }

  /** Runs a check of another package and notes what it lists, under the paths it gives. */
  take(check: () => unknown): void {
    try {
      check();
    } catch (error) {
      const { details, text } = MeshError.from(error);
      const listed: unknown = (details as { readonly problems?: unknown } | undefined)?.problems;
      this.#found.push(...(Array.isArray(listed) ? (listed as unknown[]).map(String) : [text]));
    }
  }

  /** The same for a check that gives paths within a group of options. */
  takeUnder(group: string, check: () => unknown): void {
    const inner = new OptionProblems();
    inner.take(check);
    this.#found.push(...inner.#found.map((problem) => `${group}.${problem}`));
  }

  /** An object with no other keys than these. `undefined` is fine. */
  object(path: string, value: unknown, keys: readonly string[]): value is Record<string, unknown> {
    if (value === undefined) return false;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.add(path, 'must be an object');
      return false;
    }
    for (const key of Object.keys(value)) {
      if (!keys.includes(key)) this.add(path === '' ? key : `${path}.${key}`, `is not an option; known here: ${keys.join(', ')}`);
    }
    return true;
  }

  number(path: string, value: unknown, range: { readonly min: number; readonly max: number; readonly whole?: boolean }): void {
    if (value === undefined) return;
    const fits = typeof value === 'number' && value >= range.min && value <= range.max && (range.whole !== true || Number.isInteger(value));
    if (!fits) this.add(path, `must be a${range.whole === true ? ' whole' : ''} number from ${range.min} to ${range.max}`);
  }

  string(path: string, value: unknown): void {
    if (value !== undefined && (typeof value !== 'string' || value === '')) this.add(path, 'must be a text that is not empty');
  }

  /** A list of texts. */
  strings(path: string, value: unknown): void {
    if (value === undefined) return;
    if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string' && entry !== '')) this.add(path, 'must be a list of texts');
  }

  boolean(path: string, value: unknown): void {
    if (value !== undefined && typeof value !== 'boolean') this.add(path, 'must be true or false');
  }

  oneOf(path: string, value: unknown, allowed: readonly string[]): void {
    if (value !== undefined && !allowed.includes(value as string)) this.add(path, `must be one of ${allowed.join(', ')}`);
  }

  /** An object that has these methods. */
  methods(path: string, value: unknown, names: readonly string[]): void {
    if (value === undefined) return;
    const missing = names.filter((name) => typeof value !== 'object' || value === null || typeof (value as Record<string, unknown>)[name] !== 'function');
    if (missing.length > 0) this.add(path, `lacks ${missing.map((name) => `${name}()`).join(', ')}`);
  }

  /** @throws MeshError `invalid_option` that lists every problem; `details.problems` has them one by one */
  throwIfAny(): void {
    if (this.#found.length > 0) throw new MeshError('invalid_option', this.#found.join('; '), { details: { problems: this.#found } });
  }
}
