import type { Clock, ClockTimer, HealthCheck, HealthCheckResult } from '@lemur-bookstores/mesh-interface';
import { readResult, unhealthy } from './check-result.js';

const DEFAULT_TIMEOUT_MS = 5_000;

/** A result and when it came, on the monotonic clock. */
interface Held {
  readonly result: HealthCheckResult;
  readonly at: number;
}

/**
 * Runs one check, never twice at once, and keeps its last result. Nothing that the check does reaches anybody else: throwing and
 * nonsense are results, and so is hanging. A call that hung is given up at its timeout: what it answers later is ignored, and
 * the next run calls anew, so that a dependency that comes back is seen.
 */
export class HealthCheckRunner {
  readonly name: string;
  readonly critical: boolean;
  readonly #check: HealthCheck;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onResult: (result: HealthCheckResult, previous: HealthCheckResult | undefined) => void;
  #held: Held | undefined;
  #running: Promise<HealthCheckResult> | undefined;

  constructor(check: HealthCheck, clock: Clock, onResult: (result: HealthCheckResult, previous: HealthCheckResult | undefined) => void) {
    this.name = check.name;
    this.critical = check.critical ?? true;
    this.#check = check;
    this.#clock = clock;
    this.#timeoutMs = check.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#onResult = onResult;
  }

  /** The last result; `undefined` before the first. */
  get result(): HealthCheckResult | undefined {
    return this.#held?.result;
  }

  /** Whether there is a result younger than this. */
  isFresh(maxAgeMs: number): boolean {
    return this.#held !== undefined && this.#clock.monotonic() - this.#held.at < maxAgeMs;
  }

  /** Runs the check, or joins the run under way. Never rejects. */
  run(): Promise<HealthCheckResult> {
    this.#running ??= this.#call().then((result) => {
      const previous = this.#held?.result;
      this.#held = { result, at: this.#clock.monotonic() };
      this.#running = undefined;
      this.#onResult(result, previous);
      return result;
    });
    return this.#running;
  }

  #call(): Promise<HealthCheckResult> {
    return new Promise((resolve) => {
      const timer: ClockTimer = this.#clock.setTimeout(
        () => resolve(unhealthy(`no answer within ${this.#timeoutMs} ms`, this.#clock.now())),
        this.#timeoutMs,
      );
      const end = (result: HealthCheckResult): void => {
        timer.cancel();
        resolve(result);
      };
      new Promise((answer) => answer(this.#check.check())).then(
        (answer) => end(readResult(answer, this.#clock.now())),
        (error: unknown) => end(unhealthy(error, this.#clock.now())),
      );
    });
  }
}
