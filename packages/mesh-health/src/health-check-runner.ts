import { MeshError, type Clock, type HealthCheck, type HealthCheckResult, type HealthStatus } from '@lemur-bookstores/mesh-interface';

const STATUSES: ReadonlySet<unknown> = new Set<HealthStatus>(['healthy', 'degraded', 'unhealthy']);
const DEFAULT_TIMEOUT_MS = 5_000;

/** Runs one check: never twice at a time, never longer than its timeout, and whatever it does, the outcome is a result. */
export class HealthCheckRunner {
  readonly check: HealthCheck;
  readonly #clock: Clock;
  #running: Promise<HealthCheckResult> | undefined;
  #last: HealthCheckResult | undefined;

  constructor(check: HealthCheck, clock: Clock) {
    this.check = check;
    this.#clock = clock;
  }

  /** What it found last; `undefined` before it has run. */
  get last(): HealthCheckResult | undefined {
    return this.#last;
  }

  /** Runs the check, or joins the run that is under way. Never rejects. */
  run(): Promise<HealthCheckResult> {
    this.#running ??= this.#once().then((result) => {
      this.#running = undefined;
      return (this.#last = result);
    });
    return this.#running;
  }

  async #once(): Promise<HealthCheckResult> {
    const timeoutMs = this.check.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    let timer: { cancel(): void } | undefined;
    const timeout = new Promise<HealthCheckResult>((resolve) => {
      timer = this.#clock.setTimeout(() => resolve(this.#unhealthy(`no result within ${timeoutMs} ms`)), timeoutMs);
    });
    const outcome = Promise.resolve()
      .then(() => this.check.check())
      .then((result) => this.#checked(result))
      .catch((error: unknown) => this.#unhealthy(MeshError.is(error) ? error.message : error instanceof Error ? error.message : String(error)));
    const result = await Promise.race([outcome, timeout]);
    timer?.cancel();
    return result;
  }

  /** A check may answer nonsense: that is a finding, too. */
  #checked(result: unknown): HealthCheckResult {
    const answer = result as Partial<HealthCheckResult> | null | undefined;
    if (typeof answer !== 'object' || answer === null || !STATUSES.has(answer.status)) return this.#unhealthy('the check answered with something that is no result');
    const { status, timestamp, error, details } = answer as HealthCheckResult;
    return Object.freeze({
      status,
      timestamp: timestamp instanceof Date ? timestamp : new Date(this.#clock.now()),
      ...(error === undefined ? {} : { error: String(error) }),
      ...(details === undefined ? {} : { details }),
    });
  }

  #unhealthy(error: string): HealthCheckResult {
    return Object.freeze({ status: 'unhealthy', timestamp: new Date(this.#clock.now()), error });
  }
}
