import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Gathers everything that is wrong with the options of one wrapping adapter, each by its path, so that all of it is said at once. */
export class OptionProblems {
  readonly #found: string[] = [];

  add(path: string, problem: string): void {
    this.#found.push(`${path}: ${problem}`);
  }

  /** An object with no other keys than these. @returns whether it is an object at all */
  object(path: string, value: unknown, keys: readonly string[]): boolean {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.add(path, 'must be an object');
      return false;
    }
    for (const key of Object.keys(value)) {
      if (!keys.includes(key)) this.add(path === 'options' ? key : `${path}.${key}`, `is not an option; known here: ${keys.join(', ')}`);
    }
    return true;
  }

  adapter(path: string, value: unknown): void {
    if (!hasMethod(value, 'logEvent')) this.add(path, 'must be an adapter: an object with a method logEvent(event)');
  }

  /** @returns the value, or the default where none was given */
  whole(path: string, value: unknown, range: { readonly min: number; readonly max: number; readonly byDefault: number }): number {
    const given = value ?? range.byDefault;
    if (!Number.isSafeInteger(given) || (given as number) < range.min || (given as number) > range.max) {
      this.add(path, `must be a whole number from ${range.min} to ${range.max}, not ${shown(given)}`);
    }
    return given as number;
  }

  /** A function, or an object with a method of that name. */
  target(path: string, value: unknown, method: string): void {
    if (typeof value !== 'function' && !hasMethod(value, method)) this.add(path, `must be a function or an object with a method ${method}()`);
  }

  /** @throws MeshError `invalid_option` that lists every problem, also in `details.problems` */
  throwIfAny(): void {
    const problems = this.#found;
    if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
  }
}

/** Also on a function: a logger can be one. */
export function hasMethod(value: unknown, name: string): boolean {
  const holds = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return holds && typeof (value as Record<string, unknown>)[name] === 'function';
}

/** A value for a message: numbers, and of everything else its kind, since it may be long or secret. */
export const shown = (value: unknown): string => (typeof value === 'number' ? String(value) : value === null ? 'null' : typeof value);
