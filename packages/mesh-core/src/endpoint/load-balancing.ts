import { OptionCheck } from '@lemur-bookstores/mesh-interface';

/** How an instance is chosen. */
export type LoadBalancingStrategy = 'least-loaded' | 'round-robin' | 'random';

export const LOAD_BALANCING_STRATEGIES: readonly LoadBalancingStrategy[] = ['least-loaded', 'round-robin', 'random'];

/** When an instance that fails gets no calls for a while. */
export interface Ejection {
  /** Share of the connected instances that may be out at once, 0 to 1; one is always left. Default 0.5. */
  readonly maxShare: number;
  /** Failures in a row that eject. Default 5; from 1. */
  readonly consecutiveFailures: number;
  /** How far the success rate of an instance may lie below that of all others together, above 0 to 1. Default 0.3. */
  readonly successRateGap: number;
  /** Calls that both need within `intervalMs`, for their rates to be compared. Default 20; from 1. */
  readonly minCalls: number;
  /** How often rates are compared, in ms. Default 10,000; 100 to a day. */
  readonly intervalMs: number;
  /** The first ejection, in ms; each that follows takes twice as long, and each is shortened by up to a quarter at random. Default 30,000; 1 to a day. */
  readonly baseMs: number;
  /** The longest, in ms; and after so long without one, the next is a first one. Default 300,000; `baseMs` to a day. */
  readonly maxMs: number;
}

/** How calls are shared among the instances of a service. */
export interface LoadBalancing {
  readonly strategy: LoadBalancingStrategy;
  readonly ejection: Ejection | false;
  /** In ms. */
  readonly slowStartMs: number;
}

/** What a user may say of it. */
export interface LoadBalancingOptions {
  /** Default `least-loaded`. */
  readonly strategy?: LoadBalancingStrategy | undefined;
  /** `false`: none is ever ejected. */
  readonly ejection?: Partial<Ejection> | false | undefined;
  /** In this time the share of an instance that is new, or is back, grows to that of the others, in ms: 0 (off) to a day. Default 10,000. */
  readonly slowStartMs?: number | undefined;
}

export const DEFAULT_EJECTION: Ejection = Object.freeze({
  maxShare: 0.5, consecutiveFailures: 5, successRateGap: 0.3, minCalls: 20, intervalMs: 10_000, baseMs: 30_000, maxMs: 300_000,
});

const NAMES = ['strategy', 'ejection', 'slowStartMs'] as const satisfies readonly (keyof LoadBalancingOptions)[];
const DAY_MS = 86_400_000;

/** Of each number: the least, the most, and whether only whole ones fit. */
const RANGES: Readonly<Record<keyof Ejection, readonly [number, number, boolean]>> = {
  maxShare: [0, 1, false],
  consecutiveFailures: [1, 1_000_000, true],
  successRateGap: [0.01, 1, false],
  minCalls: [1, 1_000_000, true],
  intervalMs: [100, DAY_MS, false],
  baseMs: [1, DAY_MS, false],
  maxMs: [1, DAY_MS, false],
};

/**
 * Fills in what is not given; `undefined` counts as not given.
 * @throws MeshError `invalid_option` that names every problem, each by its path under `loadBalancing`
 */
export function completeLoadBalancing(options: LoadBalancingOptions = {}): LoadBalancing {
  const check = new OptionCheck('loadBalancing');
  const given: LoadBalancingOptions = check.isObject(options, NAMES) ? options : {};
  const { strategy = 'least-loaded', slowStartMs = 10_000 } = given;
  check.oneOf('strategy', strategy, LOAD_BALANCING_STRATEGIES);
  check.number('slowStartMs', slowStartMs, 0, DAY_MS);
  const ejection = completeEjection(given.ejection, check);
  check.throwIfAny();
  return Object.freeze({ strategy, ejection, slowStartMs });
}

function completeEjection(options: Partial<Ejection> | false = {}, check: OptionCheck): Ejection | false {
  if (options === false) return false;
  if (!check.must('ejection', typeof options === 'object' && (options as unknown) !== null && !Array.isArray(options), 'an object, or false')) return false;
  check.isObject(options, Object.keys(DEFAULT_EJECTION), 'ejection');
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<Ejection>;
  const maxMs = Math.max(DEFAULT_EJECTION.maxMs, given.baseMs ?? 0);
  const complete: Ejection = { ...DEFAULT_EJECTION, maxMs, ...given };
  const fits = Object.entries(RANGES).map(([key, [min, max, whole]]) => {
    const [name, value] = [`ejection.${key}`, complete[key as keyof Ejection]];
    return whole ? check.whole(name, value, min, max) : check.number(name, value, min, max);
  });
  if (fits.every(Boolean)) check.must('ejection.maxMs', complete.maxMs >= complete.baseMs, `at least baseMs, ${complete.baseMs}`);
  return Object.freeze(complete);
}
