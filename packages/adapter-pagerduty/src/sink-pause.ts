import type { MeshError } from '@lemur-bookstores/mesh-interface';

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 120_000;
/** As a lane's. A page that is an hour late is none, whatever a proxy asks for. */
const LONGEST_RETRY_AFTER_MS = 300_000;
/** One failure, or two, are the network's: who waits goes on waiting. */
const DOWN_AFTER = 3;
/** Who waits for a call has a deadline of his own: for longer than this he need not wait. */
const PATIENCE_MS = 5_000;

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

  /** Until when it has asked to be left alone; the past where it has not. */
  get askedUntil(): number {
    return this.#asked?.until ?? 0;
  }

  /** When it may be tried again; the past where it may now. */
  get until(): number {
    return Math.max(this.askedUntil, this.#delayUntil);
  }

  /** Why nobody should wait for it: it refuses us, failed several times in a row, or has asked for more time than a delivery has. */
  downBy(now: number): MeshError | undefined {
    const isLong = this.#asked !== undefined && this.#asked.until > now && (this.#asked.error.retryAfterMs ?? 0) > PATIENCE_MS;
    return this.#failures >= DOWN_AFTER || isLong || this.#failure?.retryable === false ? this.heldBy(now) : undefined;
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
    if (retryAfterMs !== undefined && until > this.askedUntil) this.#asked = { until, error };
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
