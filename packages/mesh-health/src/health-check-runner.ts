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
  readonly tags: readonly string[];
  readonly #check: HealthCheck;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #intervalMs: number;
  readonly #onResult: (result: HealthCheckResult, previous: HealthCheckResult | undefined) => void;
  #held: Held | undefined;
  #running: Promise<HealthCheckResult> | undefined;
  /** Calls given up that have not ended yet. */
  #hanging = 0;
  /** Whether the last run made no call because of them. */
  #refused = false;
  #timer: ClockTimer | undefined;

  /** @param intervalMs where the check has none of its own */
  constructor(check: HealthCheck, intervalMs: number, clock: Clock, onResult: (result: HealthCheckResult, previous: HealthCheckResult | undefined) => void) {
    this.name = check.name;
    this.critical = check.critical ?? true;
    this.tags = Object.freeze([...(check.tags ?? [])]);
    this.#intervalMs = check.intervalMs ?? intervalMs;
    this.#check = check;
    this.#clock = clock;
    this.#timeoutMs = check.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#onResult = onResult;
  }

  /** The last result; `undefined` before the first. */
  get result(): HealthCheckResult | undefined {
    return this.#held?.result;
  }

  /** Whether there is a result younger than the interval. */
  get isFresh(): boolean {
    return this.#held !== undefined && this.#clock.monotonic() - this.#held.at < this.#intervalMs;
  }

  /** Runs it at once, and every interval from then on. */
  start(): void {
    this.stop();
    this.#timer = this.#clock.setTimeout(() => this.start(), this.#intervalMs);
    void this.run();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
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
    this.#refused = this.#hanging >= MAX_HANGING;
    if (this.#refused) return Promise.resolve(unhealthy(`still hanging: ${this.#hanging} calls have not ended`, this.#clock.now()));
    return new Promise((resolve) => {
      const abort = new AbortController();
      const timer: ClockTimer = this.#clock.setTimeout(() => {
        const failure = new MeshError('deadline_exceeded', `no answer within ${this.#timeoutMs} ms`);
        this.#hanging++;
        resolve(unhealthy(failure.text, this.#clock.now()));
        abort.abort(failure);
      }, this.#timeoutMs);
      const end = (result: HealthCheckResult): void => {
        if (abort.signal.aborted) this.#onLateEnd();
        timer.cancel();
        resolve(result);
      };
      new Promise((answer) => answer(this.#check.check({ signal: abort.signal }))).then(
        (answer) => end(readResult(answer, this.#clock.now())),
        (error: unknown) => end(unhealthy(error, this.#clock.now())),
      );
    });
  }

  /** A call that was given up has ended. Where no other was made because of it, whatever it hung on may be back: one is made at once. */
  #onLateEnd(): void {
    this.#hanging--;
    if (this.#refused && this.#timer !== undefined) void this.run();
  }
}
