/** Worst first: unhealthy > degraded > healthy. */
export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy';

/** What one check found. */
export interface HealthCheckResult {
  readonly status: HealthStatus;
  readonly timestamp: Date;
  /** What is wrong, without a stack. */
  readonly error?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What a check is called with. */
export interface HealthCheckOptions {
  readonly signal: AbortSignal;
}

/** A check somebody registers. */
export interface HealthCheck {
  /** Unique among the checks of a monitor. */
  readonly name: string;
  /**
   * @param options optional to take; its `signal` is aborted at the timeout: a check that passes it on leaves nothing behind when
   *   what it asks hangs
   */
  check(options: HealthCheckOptions): Promise<HealthCheckResult> | HealthCheckResult;
  /** Whether it counts towards the overall status. Default true. */
  readonly critical?: boolean;
  /** How long it may run, in ms, before it counts as unhealthy. Default 5,000. */
  readonly timeoutMs?: number;
  /** How often it runs once its monitor is started, and how long its result is fresh, in ms. Default: the monitor's `checkIntervalMs`. */
  readonly intervalMs?: number;
  /** What it belongs to, e.g. `['ready']`: a probe may ask for the checks of a tag alone. At most 16, of 64 characters. Default: none. */
  readonly tags?: readonly string[];
}

/** What `healthCheck()` answers. */
export interface MeshHealth {
  /** The worst status of the critical checks. */
  readonly status: HealthStatus;
  /** Distinct services with a live authenticated session. */
  readonly services: number;
  readonly details: {
    readonly checks: Readonly<Record<string, HealthCheckResult>>;
    readonly metrics: Readonly<Record<string, unknown>>;
  };
}
