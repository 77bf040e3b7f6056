import { MeshError, type Clock, type ClockTimer, type HealthCheck, type HealthCheckResult } from '@lemur-bookstores/mesh-interface';
import { readResult, unhealthy } from './check-result.js';

const DEFAULT_TIMEOUT_MS = 5_000;
/** Calls that hang at once, at most: each may hold a connection or more. */
const MAX_HANGING = 2;

/** A result and when it came, on the monotonic clock. */
interface Held {
  readonly result: HealthCheckResult;
  readonly at: number;
}

/**
 * Runs one check, never twice at once, and keeps its last result. Nothing that the check does reaches anybody else: throwing and
 * nonsense are results, and so is hanging. A call that hangs is given up at its timeout: its signal is aborted, what it answers
 * later is ignored, and the next run calls anew, so that a dependency that comes back is seen. While two such calls have not
 * ended there is no third: they must not pile up.
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
  /** Calls given up that have not ended yet. */
  #hanging = 0;

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
    if (this.#hanging >= MAX_HANGING) return Promise.resolve(unhealthy(`still hanging: ${this.#hanging} calls have not ended`, this.#clock.now()));
    return new Promise((resolve) => {
      const abort = new AbortController();
      const timer: ClockTimer = this.#clock.setTimeout(() => {
        const failure = new MeshError('deadline_exceeded', `no answer within ${this.#timeoutMs} ms`);
        this.#hanging++;
        resolve(unhealthy(failure.text, this.#clock.now()));
        abort.abort(failure);
      }, this.#timeoutMs);
      const end = (result: HealthCheckResult): void => {
        if (abort.signal.aborted) this.#hanging--;
        timer.cancel();
        resolve(result);
      };
      new Promise((answer) => answer(this.#check.check({ signal: abort.signal }))).then(
        (answer) => end(readResult(answer, this.#clock.now())),
        (error: unknown) => end(unhealthy(error, this.#clock.now())),
      );
    });
  }
}
