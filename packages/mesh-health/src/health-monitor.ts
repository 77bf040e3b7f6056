import {
  MeshError,
  silentLogger,
  systemClock,
  type Clock,
  type ClockTimer,
  type HealthCheck,
  type HealthCheckResult,
  type HealthStatus,
  type Logger,
} from '@lemur-bookstores/mesh-interface';
import { HealthCheckRunner } from './health-check-runner.js';

export interface HealthMonitorOptions {
  readonly clock?: Clock;
  /** For listeners that throw. Default: none. */
  readonly logger?: Logger;
}

/** Every check's last result, and the worst of the critical ones. */
export interface HealthReport {
  readonly status: HealthStatus;
  readonly checks: Readonly<Record<string, HealthCheckResult>>;
}

/** Hears each change of the overall status. */
export type HealthChangeListener = (change: { readonly from: HealthStatus; readonly to: HealthStatus }) => void;

const SEVERITY: Readonly<Record<HealthStatus, number>> = { healthy: 0, degraded: 1, unhealthy: 2 };

/** Runs health checks one by one in the background. None of them can hang or crash it, and asking it costs nothing. */
export class HealthMonitor {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #runners = new Map<string, HealthCheckRunner>();
  readonly #listeners = new Set<HealthChangeListener>();
  #timer: ClockTimer | undefined;
  #started = false;
  #known: HealthStatus = 'healthy';

  /** @param checkIntervalMs time between two runs of all checks, in ms. Default 30,000 */
  constructor(checkIntervalMs = 30_000, options: HealthMonitorOptions = {}) {
    if (!(checkIntervalMs > 0)) throw new MeshError('invalid_option', 'checkIntervalMs: must be a number of ms above 0');
    this.#intervalMs = checkIntervalMs;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Adds a check; it runs at once if the monitor is started. @throws MeshError `duplicate_check`, `invalid_option` */
  registerCheck(check: HealthCheck): void {
    if (typeof check.name !== 'string' || check.name === '' || typeof check.check !== 'function') throw new MeshError('invalid_option', 'a check needs a name and a function check()');
    if (check.timeoutMs !== undefined && !(check.timeoutMs > 0)) throw new MeshError('invalid_option', `timeoutMs of check '${check.name}' must be above 0`);
    if (this.#runners.has(check.name)) throw new MeshError('duplicate_check', `there is a check named '${check.name}' already`);
    const runner = new HealthCheckRunner(check, this.#clock);
    this.#runners.set(check.name, runner);
    if (this.#started) void runner.run().then(() => this.#noticeChange());
  }

  /** @returns whether there was one of that name */
  unregisterCheck(name: string): boolean {
    return this.#runners.delete(name);
  }

  /** Runs all checks now and then every interval. Calling it again does nothing. Keeps no process alive. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#round();
  }

  stop(): void {
    this.#started = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Runs all checks and gives their results. Never rejects; takes as long as the longest timeout at most. */
  async runChecks(): Promise<Readonly<Record<string, HealthCheckResult>>> {
    await Promise.all(Array.from(this.#runners.values(), (runner) => runner.run()));
    this.#noticeChange();
    return this.getResults();
  }

  /** The last results, by name. A check that has not run yet is `unhealthy`, and says so. */
  getResults(): Readonly<Record<string, HealthCheckResult>> {
    const pending = { status: 'unhealthy', timestamp: new Date(this.#clock.now()), error: 'no result yet' } as const;
    return Object.fromEntries(Array.from(this.#runners, ([name, { last }]) => [name, last ?? pending]));
  }

  /** The worst status of the critical checks; `healthy` where there are none. */
  getOverallStatus(): HealthStatus {
    let worst: HealthStatus = 'healthy';
    for (const { check, last } of this.#runners.values()) {
      if (check.critical === false) continue;
      const status = last?.status ?? 'unhealthy';
      if (SEVERITY[status] > SEVERITY[worst]) worst = status;
    }
    return worst;
  }

  /** Status and results; checks that have never run are waited for, at most `maxWaitMs` (50). */
  async health(maxWaitMs = 50): Promise<HealthReport> {
    const unknown = [...this.#runners.values()].filter(({ last }) => last === undefined);
    if (unknown.length > 0) {
      let timer: ClockTimer | undefined;
      const limit = new Promise<void>((resolve) => (timer = this.#clock.setTimeout(resolve, maxWaitMs)));
      await Promise.race([Promise.all(unknown.map((runner) => runner.run())), limit]);
      timer?.cancel();
    }
    return { status: this.getOverallStatus(), checks: this.getResults() };
  }

  /** Calls `listener` whenever the overall status changes. Returns the function that ends it. */
  on(_event: 'change', listener: HealthChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #round(): void {
    void this.runChecks();
    this.#timer = this.#clock.setTimeout(() => this.#round(), this.#intervalMs);
  }

  #noticeChange(): void {
    const from = this.#known;
    const to = this.getOverallStatus();
    if (from === to) return;
    this.#known = to;
    for (const listener of this.#listeners) {
      try {
        listener({ from, to });
      } catch (error) {
        this.#logger.error(`a health listener threw: ${MeshError.from(error).message}`);
      }
    }
  }
}
