import { MeshError } from './mesh-error.js';

/** Collects what is wrong with options, each problem by its path, so that all of it is said at once; `undefined` counts as not given. */
export class OptionCheck {
  readonly problems: string[] = [];
  readonly #path: string;

  /** @param path of the options themselves, e.g. `resilience.retry`. Default: they are at the top */
  constructor(path = '') {
    this.#path = path;
  }

  /** Notes a problem of an option. */
  add(name: string, problem: string): void {
    this.problems.push(`${join(this.#path, name)}: ${problem}`);
  }

  /** Whether there is an object to look into; names that are no options are problems. @param at where it is, if it is an option itself */
  isObject(options: unknown, names: readonly string[], at = ''): options is Readonly<Record<string, unknown>> {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      this.add(at, 'must be an object');
      return false;
    }
    for (const name of Object.keys(options)) {
      if (!names.includes(name)) this.add(join(at, name), `is not an option; known here: ${names.join(', ')}`);
    }
    return true;
  }

  /** A whole number in a range. */
  whole(name: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): boolean {
    const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
    return this.must(name, value === undefined || (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max), `a whole number ${range}`);
  }

  /** A number in a range, fractions too. */
  number(name: string, value: unknown, min: number, max: number): boolean {
    const fits = value === undefined || (typeof value === 'number' && value >= min && value <= max);
    return this.must(name, fits, `a number from ${min} to ${max}`);
  }

  oneOf(name: string, value: unknown, values: readonly string[]): boolean {
    return this.must(name, value === undefined || (typeof value === 'string' && values.includes(value)), `one of ${values.map((each) => `'${each}'`).join(', ')}`);
  }

  boolean(name: string, value: unknown): boolean {
    return this.must(name, value === undefined || typeof value === 'boolean', 'true or false');
  }

  /** An object with these methods: a clock, a logger. */
  has(name: string, value: unknown, methods: readonly string[]): boolean {
    const fits = value === undefined || (typeof value === 'object' && value !== null && methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function'));
    return this.must(name, fits, `an object with ${methods.map((method) => `${method}()`).join(', ')}`);
  }

  /** @returns whether it fits */
  must(name: string, fits: boolean, what: string): boolean {
    if (!fits) this.add(name, `must be ${what}`);
    return fits;
  }

  /** Clock, audit sink and logger, which most parts take. */
  parts({ clock, audit, logger, random }: Readonly<Record<string, unknown>>): void {
    this.has('clock', clock, ['now', 'monotonic', 'setTimeout']);
    this.has('audit', audit, ['record', 'log']);
    this.has('logger', logger, ['debug', 'info', 'warn', 'error']);
    this.must('random', random === undefined || typeof random === 'function', 'a function');
  }

  /** @throws MeshError `invalid_option` that names every problem, if there are any */
  throwIfAny(): void {
    refuseProblems(this.problems);
  }
}

const join = (path: string, name: string): string => (path === '' || name === '' ? path + name : `${path}.${name}`);

/** @throws MeshError `invalid_option` that names every problem, also in `details.problems`; nothing where there are none */
export function refuseProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
}
