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
