import { MeshError, OptionCheck } from '@lemur-bookstores/mesh-interface';

/** Gathers everything that is wrong with the options of a mesh, each by its path from the top, also what the checks of its parts find. */
export class OptionProblems extends OptionCheck {
  /** Notes what another package's check lists, by paths from the top. */
  addAll(problems: readonly string[]): void {
    this.problems.push(...problems);
  }

  /** Runs a check of another package and notes what it lists, under the paths it gives. */
  take(check: () => unknown): void {
    try {
      check();
    } catch (error) {
      const { details, text } = MeshError.from(error);
      const listed: unknown = (details as { readonly problems?: unknown } | undefined)?.problems;
      this.problems.push(...(Array.isArray(listed) ? (listed as unknown[]).map(String) : [text]));
    }
  }

  /** The same for a check that gives paths within a group of options. */
  takeUnder(group: string, check: () => unknown): void {
    const inner = new OptionProblems();
    inner.take(check);
    this.addAll(inner.problems.map((problem) => `${group}.${problem}`));
  }

  /** An object with no other keys than these. `undefined` is fine. @returns whether there is one to look into */
  object(path: string, value: unknown, keys: readonly string[]): value is Record<string, unknown> {
    return value !== undefined && this.isObject(value, keys, path);
  }

  string(path: string, value: unknown): void {
    this.must(path, value === undefined || (typeof value === 'string' && value !== ''), 'a text that is not empty');
  }

  /** A list of texts. */
  strings(path: string, value: unknown): void {
    this.must(path, value === undefined || (Array.isArray(value) && value.every((entry) => typeof entry === 'string' && entry !== '')), 'a list of texts');
  }
}
