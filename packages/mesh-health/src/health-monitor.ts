import { MeshError, SafeLogger, stderrLogger, systemClock, type Clock, type HealthCheck, type HealthCheckResult, type HealthStatus, type Logger } from '@lemur-bookstores/mesh-interface';
import { NO_RESULT, unhealthy, worstStatus } from './check-result.js';
import { checkProblems, isDuration } from './check-problems.js';
import { HealthCheckRunner } from './health-check-runner.js';
import { HealthListeners, type HealthChangeListener, type OverallChangeListener } from './health-listeners.js';

export interface HealthMonitorOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined;
  /** Operational log, for listeners that throw. Default: warnings to stderr. */
  readonly logger?: Logger | undefined;
}

/** The state of all checks at once. */
export interface HealthReport {
  /** The worst status of the critical checks. */
  readonly status: HealthStatus;
  readonly checks: Readonly<Record<string, HealthCheckResult>>;
}

/** Checks of one monitor, at most. */
const MAX_CHECKS = 256;

/**
 * Runs health checks and keeps their results. No check can hang or crash it: each runs once at a time, within a timeout of its
 * own, and whatever goes wrong is that check's result. It never keeps the process alive.
 */
export class HealthMonitor {
  readonly #checkIntervalMs: number;
  readonly #clock: Clock;
  readonly #runners = new Map<string, HealthCheckRunner>();
  readonly #listeners: HealthListeners;
  #state: 'stopped' | 'started' = 'stopped';
  /** The overall status that listeners know; `undefined` until every critical check had a result. */
  #overall: HealthStatus | undefined;

  /**
   * @param checkIntervalMs how often checks run once started, and how long a result counts as fresh, in ms; a check may have an interval of its own
   * @throws MeshError `invalid_option`
   */
  constructor(checkIntervalMs = 30_000, options: HealthMonitorOptions = {}) {
    if (!isDuration(checkIntervalMs)) throw new MeshError('invalid_option', `checkIntervalMs: must be a number above 0, not ${String(checkIntervalMs)}`);
    this.#checkIntervalMs = checkIntervalMs;
    this.#clock = options.clock ?? systemClock;
    this.#listeners = new HealthListeners(new SafeLogger(options.logger ?? stderrLogger));
  }

  /**
   * Adds a check; once started it runs at once.
   * @throws MeshError `duplicate_check`, or `invalid_option` that names every problem, or where there are 256 checks
   */
  registerCheck(check: HealthCheck): void {
    const problems = checkProblems(check);
    if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
    if (this.#runners.has(check.name)) throw new MeshError('duplicate_check', `there is a check named '${check.name}' already`);
    if (this.#runners.size >= MAX_CHECKS) throw new MeshError('invalid_option', `check: there are ${MAX_CHECKS} already, which is the most a monitor takes`);

    const runner = new HealthCheckRunner(check, this.#checkIntervalMs, this.#clock, (result, previous) => this.#onResult(runner, result, previous));
    this.#runners.set(check.name, runner);
    if (this.#state === 'started') runner.start();
  }

  /** @returns whether there was one */
  unregisterCheck(name: string): boolean {
    this.#runners.get(name)?.stop();
    const was = this.#runners.delete(name);
    if (was) this.#tellOverall();
    return was;
  }

  /** Runs all checks now, and each at its interval from then on. Safe to call twice. */
  start(): void {
    if (this.#state === 'started') return;
    this.#state = 'started';
    for (const runner of this.#runners.values()) runner.start();
  }

  /** Runs no more by itself; results stay. */
  stop(): void {
    this.#state = 'stopped';
    for (const runner of this.#runners.values()) runner.stop();
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
    return this.#resultsOf([...this.#runners.values()]);
  }

  /** The last result of each check that has one of these tags, critical or not. */
  getTaggedResults(tags: readonly string[]): Readonly<Record<string, HealthCheckResult>> {
    return this.#resultsOf([...this.#runners.values()].filter((runner) => runner.tags.some((tag) => tags.includes(tag))));
  }

  /**
   * The worst status of the critical checks by their last results; `unhealthy` while one of them has none, `healthy` where
   * there are none.
   */
  getOverallStatus(): HealthStatus {
    return worstStatus(this.#critical().map((runner) => runner.result?.status ?? 'unhealthy'));
  }

  /**
   * The state for a probe. Checks without a fresh result are run; those that take longer than `maxWaitMs` go on, and count
   * with their last result meanwhile, or as unhealthy if they have none.
   * @param maxWaitMs how long to wait at most, in ms
   */
  async health(maxWaitMs = 50): Promise<HealthReport> {
    const stale = [...this.#runners.values()].filter((runner) => !runner.isFresh);
    if (stale.length > 0) await this.#atMost(maxWaitMs, Promise.all(stale.map((runner) => runner.run())));
    return { status: this.getOverallStatus(), checks: this.getResults() };
  }

  /**
   * `change`: calls `listener` whenever a check's status changes, its first result included. `overall`: whenever the overall status does, its first included;
   * not before every critical check has a result. A listener that throws, or rejects, is a warning.
   * @returns the function that ends it
   */
  on(event: 'change', listener: HealthChangeListener): () => void;
  on(event: 'overall', listener: OverallChangeListener): () => void;
  on(event: 'change' | 'overall', listener: HealthChangeListener | OverallChangeListener): () => void {
    return this.#listeners.add(event, listener);
  }

  #critical(): HealthCheckRunner[] {
    return [...this.#runners.values()].filter((runner) => runner.critical);
  }

  #resultsOf(runners: readonly HealthCheckRunner[]): Readonly<Record<string, HealthCheckResult>> {
    const nowMs = this.#clock.now();
    // From entries: a check may be named `__proto__`.
    return Object.fromEntries(runners.map(({ name, result }) => [name, result ?? unhealthy(NO_RESULT, nowMs)]));
  }

  #onResult(runner: HealthCheckRunner, result: HealthCheckResult, previous: HealthCheckResult | undefined): void {
    // It may have been unregistered while it ran.
    if (this.#runners.get(runner.name) !== runner) return;
    if (result.status !== previous?.status) {
      this.#listeners.tellChange({ name: runner.name, status: result.status, previous: previous?.status, critical: runner.critical, result, overall: this.getOverallStatus() });
    }
    this.#tellOverall();
  }

  #tellOverall(): void {
    const critical = this.#critical();
    if (critical.length === 0 || critical.some(({ result }) => result === undefined)) return;
    const [previous, status] = [this.#overall, this.getOverallStatus()];
    if (status === previous) return;
    this.#overall = status;
    this.#listeners.tellOverall({ status, previous, because: critical.filter(({ result }) => result?.status === status).map(({ name }) => name) });
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
