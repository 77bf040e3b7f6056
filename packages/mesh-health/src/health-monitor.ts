import {
  MeshError,
  stderrLogger,
  systemClock,
  type Clock,
  type ClockTimer,
  type HealthCheck,
  type HealthCheckResult,
  type HealthStatus,
  type Logger,
} from '@lemur-bookstores/mesh-interface';
import { unhealthy, worstStatus } from './check-result.js';
import { HealthCheckRunner } from './health-check-runner.js';

export interface HealthMonitorOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined;
  /** Operational log, for listeners that throw. Default: warnings to stderr. */
  readonly logger?: Logger | undefined;
}

/** A check whose status is another than before. */
export interface HealthChange {
  readonly name: string;
  readonly status: HealthStatus;
  /** `undefined` for its first result. */
  readonly previous: HealthStatus | undefined;
  readonly result: HealthCheckResult;
  /** The overall status with this result. */
  readonly overall: HealthStatus;
}

/** Hears each change of a check's status. One that throws, or is async and rejects, is a warning. */
export type HealthChangeListener = (change: HealthChange) => void;

/** The state of all checks at once. */
export interface HealthReport {
  /** The worst status of the critical checks. */
  readonly status: HealthStatus;
  readonly checks: Readonly<Record<string, HealthCheckResult>>;
}

type Schedule = { readonly at: 'stopped' } | { readonly at: 'started'; readonly timer: ClockTimer };

/**
 * Runs health checks and keeps their results. No check can hang or crash it: each runs once at a time, within a timeout of its
 * own, and whatever goes wrong is that check's result. It never keeps the process alive.
 */
export class HealthMonitor {
  readonly #checkIntervalMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #runners = new Map<string, HealthCheckRunner>();
  readonly #listeners = new Set<HealthChangeListener>();
  #schedule: Schedule = { at: 'stopped' };

  /**
   * @param checkIntervalMs how often checks run once started, and how long a result counts as fresh, in ms
   * @throws MeshError `invalid_option`
   */
  constructor(checkIntervalMs = 30_000, options: HealthMonitorOptions = {}) {
    if (!isDuration(checkIntervalMs)) throw new MeshError('invalid_option', `checkIntervalMs: must be a number above 0, not ${String(checkIntervalMs)}`);
    this.#checkIntervalMs = checkIntervalMs;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? stderrLogger;
  }

  /**
   * Adds a check; once started it runs at once.
   * @throws MeshError `duplicate_check`, or `invalid_option` that names every problem
   */
  registerCheck(check: HealthCheck): void {
    // From JavaScript anything comes.
    const given: unknown = check;
    if (typeof given !== 'object' || given === null) throw new MeshError('invalid_option', 'check: must be an object { name, check }');
    const problems: string[] = [];
    if (typeof check.name !== 'string' || check.name === '') problems.push('name: must be a text');
    if (typeof check.check !== 'function') problems.push('check: must be a function');
    if (check.timeoutMs !== undefined && !isDuration(check.timeoutMs)) problems.push(`timeoutMs: must be a number above 0, not ${String(check.timeoutMs)}`);
    if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
    if (this.#runners.has(check.name)) throw new MeshError('duplicate_check', `there is a check named '${check.name}' already`);

    const runner = new HealthCheckRunner(check, this.#clock, (result, previous) => this.#onResult(runner, result, previous));
    this.#runners.set(check.name, runner);
    if (this.#schedule.at === 'started') void runner.run();
  }

  /** @returns whether there was one */
  unregisterCheck(name: string): boolean {
    return this.#runners.delete(name);
  }

  /** Runs all checks now and every `checkIntervalMs` from then on. Safe to call twice. */
  start(): void {
    if (this.#schedule.at === 'stopped') this.#tick();
  }

  /** Runs no more by itself; results stay. */
  stop(): void {
    if (this.#schedule.at === 'started') this.#schedule.timer.cancel();
    this.#schedule = { at: 'stopped' };
  }

  /** Runs all checks, joining those under way, and waits for every one (its timeout at most). Never rejects. */
  async runChecks(): Promise<Readonly<Record<string, HealthCheckResult>>> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.run()));
    return this.getResults();
  }

  /** Runs one check, or joins its run: for whoever knows that its answer has just changed. @returns `undefined` if there is no such check */
  runCheck(name: string): Promise<HealthCheckResult> | undefined {
    return this.#runners.get(name)?.run();
  }

  /** The last result of each check, by name. One that has none yet is unhealthy, and says so: unknown is not a pass. */
  getResults(): Readonly<Record<string, HealthCheckResult>> {
    const nowMs = this.#clock.now();
    // From entries: a check may be named `__proto__`.
    return Object.fromEntries(Array.from(this.#runners.values(), ({ name, result }) => [name, result ?? unhealthy('no result yet', nowMs)]));
  }

  /**
   * The worst status of the critical checks by their last results; `unhealthy` while one of them has none, `healthy` where
   * there are none.
   */
  getOverallStatus(): HealthStatus {
    const critical = [...this.#runners.values()].filter((runner) => runner.critical);
    return worstStatus(critical.map((runner) => runner.result?.status ?? 'unhealthy'));
  }

  /**
   * The state for a probe. Checks without a fresh result are run; those that take longer than `maxWaitMs` go on, and count
   * with their last result meanwhile, or as unhealthy if they have none.
   * @param maxWaitMs how long to wait at most, in ms
   */
  async health(maxWaitMs = 50): Promise<HealthReport> {
    const stale = [...this.#runners.values()].filter((runner) => !runner.isFresh(this.#checkIntervalMs));
    if (stale.length > 0) await this.#atMost(maxWaitMs, Promise.all(stale.map((runner) => runner.run())));
    return { status: this.getOverallStatus(), checks: this.getResults() };
  }

  /**
   * Calls `listener` whenever a check's status changes, its first result included.
   * @returns the function that ends it
   */
  on(_event: 'change', listener: HealthChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tick(): void {
    this.#schedule = { at: 'started', timer: this.#clock.setTimeout(() => this.#tick(), this.#checkIntervalMs) };
    for (const runner of this.#runners.values()) void runner.run();
  }

  #onResult(runner: HealthCheckRunner, result: HealthCheckResult, previous: HealthCheckResult | undefined): void {
    // It may have been unregistered while it ran.
    if (this.#runners.get(runner.name) !== runner || result.status === previous?.status) return;
    const change: HealthChange = { name: runner.name, status: result.status, previous: previous?.status, result, overall: this.getOverallStatus() };
    for (const listener of this.#listeners) {
      // In a promise of its own: a listener may be async, and its rejection would end the process.
      new Promise((resolve) => resolve(listener(change))).catch((error: unknown) => this.#complain(runner.name, error));
    }
  }

  #complain(check: string, error: unknown): void {
    // A logger that throws or rejects is nobody's illness; there is nowhere left to say it.
    new Promise((resolve) => {
      resolve(this.#logger.warn('a listener of health changes threw', { check, error: error instanceof Error ? error.message : typeof error }));
    }).catch(() => undefined);
  }

  #atMost(ms: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(resolve, ms);
      void work.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}

const isDuration = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value) && value > 0;
