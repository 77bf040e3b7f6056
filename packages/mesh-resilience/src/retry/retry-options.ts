import { OptionCheck, refuseProblems, systemClock, type Clock } from '@lemur-bookstores/mesh-interface';

/** How many retries a target's calls may have. */
export interface RetryBudgetOptions {
  /** Retries per call in the long run, 0 to 1. Default 0.2. */
  readonly ratio?: number | undefined;
  /** Retries that may be saved up, and that there are at the beginning: 1 or more. Default 10. */
  readonly burst?: number | undefined;
  /** Retries a second beside those of the ratio, so that who calls rarely can retry at all: 0 or more. Default 0.5. */
  readonly minPerSecond?: number | undefined;
  /**
   * For so long what calls earn beyond `burst` is kept for calls that are lost with their connection, in ms: 0 (not at all) to an hour. Default 10,000.
   */
  readonly windowMs?: number | undefined;
}

/** Options of {@link Retry}: `resilience.retry` of a mesh. */
export interface RetryOptions {
  /** Attempts of a call, the first one included, 1 to 10. Default 3. */
  readonly maxAttempts?: number | undefined;
  /** The longest wait after the first attempt, in ms; doubled after each further one: 0 or more. Default 1,000. */
  readonly initialDelay?: number | undefined;
  /** What the longest wait grows to, in ms: `initialDelay` or more. Default 30,000, or `initialDelay` if that is more. What the other side asks for is not capped. */
  readonly maxDelayMs?: number | undefined;
  /** Retries as a share of calls, of each target. `false`: without limit, which multiplies an outage by `maxAttempts`. */
  readonly budget?: RetryBudgetOptions | false | undefined;
  /** Services that a budget is kept for: 1 or more. Default 1,000. */
  readonly maxTargets?: number | undefined;
  readonly clock?: Clock | undefined;
  /** For tests: from 0 up to 1. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Options with their defaults. */
export interface RetrySettings {
  readonly maxAttempts: number;
  readonly initialDelay: number;
  readonly maxDelayMs: number;
  readonly budget: Readonly<Required<{ [Name in keyof RetryBudgetOptions]: number }>> | false;
  readonly maxTargets: number;
  readonly clock: Clock;
  readonly random: () => number;
}

const NAMES = ['maxAttempts', 'initialDelay', 'maxDelayMs', 'budget', 'maxTargets', 'clock', 'random'] as const satisfies readonly (keyof RetryOptions)[];
const BUDGET_NAMES = ['ratio', 'burst', 'minPerSecond', 'windowMs'] as const satisfies readonly (keyof RetryBudgetOptions)[];
const DEFAULT_INITIAL_DELAY_MS = 1_000;
const DEFAULT_MAX_DELAY_MS = 30_000;
const MAX_ATTEMPTS = 10;
const MOST_PER_SECOND = 1_000_000;
const HOUR_MS = 3_600_000;

/**
 * What is wrong with the options of retries, each problem by its path.
 * @param path of the options themselves, e.g. `resilience.retry`
 */
export function retryProblems(options: unknown = {}, path = 'retry'): string[] {
  const check = new OptionCheck(path);
  if (!check.isObject(options, NAMES)) return check.problems;
  const { maxAttempts, initialDelay, maxDelayMs, budget, maxTargets } = options;
  check.whole('maxAttempts', maxAttempts, 1, MAX_ATTEMPTS);
  const initialIsGood = check.whole('initialDelay', initialDelay, 0);
  if (check.whole('maxDelayMs', maxDelayMs, 0) && initialIsGood && maxDelayMs !== undefined) {
    const least = (initialDelay as number | undefined) ?? DEFAULT_INITIAL_DELAY_MS;
    check.must('maxDelayMs', (maxDelayMs as number) >= least, `${path}.initialDelay, ${least}, or more`);
  }
  if (budget !== undefined && budget !== false) {
    if (typeof budget !== 'object' || budget === null) check.must('budget', false, 'false or { ratio, burst, minPerSecond, windowMs }');
    else if (check.isObject(budget, BUDGET_NAMES, 'budget')) {
      check.number('budget.ratio', budget['ratio'], 0, 1);
      check.whole('budget.burst', budget['burst'], 1);
      check.number('budget.minPerSecond', budget['minPerSecond'], 0, MOST_PER_SECOND);
      check.whole('budget.windowMs', budget['windowMs'], 0, HOUR_MS);
    }
  }
  check.whole('maxTargets', maxTargets, 1);
  check.parts(options);
  return check.problems;
}

/**
 * Fills in what is not given; `undefined` counts as not given.
 * @throws MeshError `invalid_option` that names every problem
 */
export function completeRetry(options: RetryOptions = {}, path = 'retry'): RetrySettings {
  refuseProblems(retryProblems(options, path));
  const { initialDelay = DEFAULT_INITIAL_DELAY_MS, budget = {} } = options;
  return Object.freeze({
    maxAttempts: options.maxAttempts ?? 3,
    initialDelay,
    maxDelayMs: options.maxDelayMs ?? Math.max(DEFAULT_MAX_DELAY_MS, initialDelay),
    budget: budget === false ? budget : Object.freeze({ ratio: budget.ratio ?? 0.2, burst: budget.burst ?? 10, minPerSecond: budget.minPerSecond ?? 0.5, windowMs: budget.windowMs ?? 10_000 }),
    maxTargets: options.maxTargets ?? 1_000,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  });
}
