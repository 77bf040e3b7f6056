import { nullAuditSink, OptionCheck, refuseProblems, SafeLogger, stderrLogger, systemClock, type Clock, type Logger, type OwnAuditSink } from '@lemur-bookstores/mesh-interface';

/** Opens when too few of the calls of a sliding window succeed. */
export interface SuccessRate {
  /** The share that has to succeed, above 0, at most 1. */
  readonly successRate: number;
  /** Calls in the window below which nothing is concluded: 1 or more. */
  readonly minCalls: number;
  /** In ms, 10 or more. */
  readonly windowMs: number;
}

/** Options of a {@link CircuitBreaker}: `resilience.circuitBreaker` of a mesh. */
export interface CircuitBreakerOptions {
  /** Failures in a row that open it, with strategy `consecutive`: 1 or more. Default 5. */
  readonly failureThreshold?: number | undefined;
  /** Probes in a row that have to succeed until it closes: 1 or more. Default 2. */
  readonly successThreshold?: number | undefined;
  /** How long it is open the first time, and how long a probe keeps its place, in ms: 1 or more. Default 60,000. */
  readonly timeout?: number | undefined;
  /** How long it is open at most, when probe after probe fails, in ms: `timeout` or more. Default five times `timeout`. */
  readonly maxTimeoutMs?: number | undefined;
  /** What opens it: failures in a row, or too small a share of successes; what is left out of that is 0.8 of at least 5 calls in 10,000 ms. Default `consecutive`. */
  readonly strategy?: 'consecutive' | Partial<SuccessRate> | undefined;
  /** Services that the interceptor keeps a breaker for: 1 or more. Default 1,000. */
  readonly maxTargets?: number | undefined;
  /** Gets a `circuit_breaker` event for each transition. Default: none. */
  readonly audit?: OwnAuditSink | undefined;
  /** Where a listener that throws is reported. Default: warnings to stderr. */
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
  /** For tests: from 0 up to 1. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Options with their defaults. */
export interface CircuitBreakerSettings {
  readonly failureThreshold: number;
  readonly successThreshold: number;
  readonly timeout: number;
  readonly maxTimeoutMs: number;
  readonly strategy: 'consecutive' | SuccessRate;
  readonly maxTargets: number;
  readonly audit: OwnAuditSink;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

export const DEFAULT_SUCCESS_RATE: SuccessRate = Object.freeze({ successRate: 0.8, minCalls: 5, windowMs: 10_000 });

const NAMES = ['failureThreshold', 'successThreshold', 'timeout', 'maxTimeoutMs', 'strategy', 'maxTargets', 'audit', 'logger', 'clock', 'random'] as const satisfies readonly (keyof CircuitBreakerOptions)[];
const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * What is wrong with the options of a circuit breaker, each problem by its path.
 * @param path of the options themselves, e.g. `resilience.circuitBreaker`
 */
export function circuitBreakerProblems(options: unknown = {}, path = 'circuitBreaker'): string[] {
  const check = new OptionCheck(path);
  if (!check.isObject(options, NAMES)) return check.problems;
  const { failureThreshold, successThreshold, timeout, maxTimeoutMs, strategy, maxTargets } = options;
  check.whole('failureThreshold', failureThreshold, 1);
  check.whole('successThreshold', successThreshold, 1);
  const timeoutIsGood = check.whole('timeout', timeout, 1);
  if (check.whole('maxTimeoutMs', maxTimeoutMs, 1) && timeoutIsGood && maxTimeoutMs !== undefined) {
    const least = (timeout as number | undefined) ?? DEFAULT_TIMEOUT_MS;
    check.must('maxTimeoutMs', (maxTimeoutMs as number) >= least, `${path}.timeout, ${least}, or more`);
  }
  if (strategy === undefined || strategy === 'consecutive') {
    // Nothing more to it.
  } else if (typeof strategy !== 'object' || strategy === null) {
    check.must('strategy', false, "'consecutive' or { successRate, minCalls, windowMs }");
  } else if (check.isObject(strategy, Object.keys(DEFAULT_SUCCESS_RATE), 'strategy')) {
    const { successRate, minCalls, windowMs } = strategy;
    check.must('strategy.successRate', successRate === undefined || (typeof successRate === 'number' && successRate > 0 && successRate <= 1), 'a number above 0, at most 1');
    check.whole('strategy.minCalls', minCalls, 1);
    check.whole('strategy.windowMs', windowMs, 10);
    check.must('failureThreshold', failureThreshold === undefined, "left out: it belongs to strategy 'consecutive'");
  }
  check.whole('maxTargets', maxTargets, 1);
  check.parts(options);
  return check.problems;
}

/**
 * Fills in what is not given; `undefined` counts as not given.
 * @throws MeshError `invalid_option` that names every problem
 */
export function completeCircuitBreaker(options: CircuitBreakerOptions = {}, path = 'circuitBreaker'): CircuitBreakerSettings {
  refuseProblems(circuitBreakerProblems(options, path));
  const { timeout = DEFAULT_TIMEOUT_MS, strategy = 'consecutive' } = options;
  return Object.freeze({
    failureThreshold: options.failureThreshold ?? 5,
    successThreshold: options.successThreshold ?? 2,
    timeout,
    maxTimeoutMs: options.maxTimeoutMs ?? 5 * timeout,
    strategy: strategy === 'consecutive' ? strategy : completeSuccessRate(strategy),
    maxTargets: options.maxTargets ?? 1_000,
    audit: options.audit ?? nullAuditSink,
    logger: new SafeLogger(options.logger ?? stderrLogger),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  });
}

function completeSuccessRate({ successRate, minCalls, windowMs }: Partial<SuccessRate>): SuccessRate {
  return Object.freeze({
    successRate: successRate ?? DEFAULT_SUCCESS_RATE.successRate,
    minCalls: minCalls ?? DEFAULT_SUCCESS_RATE.minCalls,
    windowMs: windowMs ?? DEFAULT_SUCCESS_RATE.windowMs,
  });
}
