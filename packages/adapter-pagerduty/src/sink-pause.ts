import type { MeshError } from '@lemur-bookstores/mesh-interface';

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 120_000;
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** For how long a sink that failed is left alone: growing delays of our own, and as long as it asks for. Times in ms of one monotonic clock. */
export class SinkPause {
  readonly #random: () => number;
  #failure: MeshError | undefined;
  #failures = 0;
  #delayUntil = 0;
  #asked: { readonly until: number; readonly error: MeshError } | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Whether it has not answered since it failed. */
  get isFailing(): boolean {
    return this.#failure !== undefined;
  }

  /** When it may be tried again; the past where it may now. */
  get until(): number {
    return Math.max(this.#asked?.until ?? 0, this.#delayUntil);
  }

  /** Why it is not tried now. */
  heldBy(now: number): MeshError | undefined {
    if (this.#asked !== undefined && now < this.#asked.until) return this.#asked.error;
    return now < this.#delayUntil ? this.#failure : undefined;
  }

  failed(error: MeshError, now: number): void {
    // Calls that were under way together fail together: that is one failure.
    if (now >= this.#delayUntil) this.#failures++;
    this.#failure = error;
    const delay = Math.min(FIRST_DELAY_MS * 2 ** (this.#failures - 1), LONGEST_DELAY_MS);
    this.#delayUntil = now + delay * (0.5 + this.#random() / 2);
    const { retryAfterMs } = error;
    const until = now + Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS);
    if (retryAfterMs !== undefined && until > (this.#asked?.until ?? 0)) this.#asked = { until, error };
  }

  /** It did not answer within the time of who waited; the failure itself is still to come. */
  suspect(error: MeshError): void {
    this.#failure ??= error;
  }

  /** An answer is an answer, also one that refuses. What it asked for still holds. */
  answered(): void {
    this.#failure = undefined;
    this.#failures = 0;
    this.#delayUntil = 0;
  }

  /** Somebody has reason to try at once: only what the sink has asked for holds. */
  endDelay(): void {
    this.#delayUntil = 0;
  }
}
