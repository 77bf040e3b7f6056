import type { MeshError } from '@lemur-bookstores/mesh-interface';

const MAX_DELAY_MS = 30_000;
/** A sink may ask for more patience than that, but not for any. */
const MAX_RETRY_AFTER_MS = 300_000;
/** Share by which a delay may be shorter or longer: lanes of many processes must not come back together. */
const JITTER = 0.2;

/** How often and when the same events are tried again. */
export interface RetrySettings {
  readonly attempts: number;
  readonly retryDelayMs: number;
}

/** Counts the tries for the events at the head of a lane. */
export class RetryPolicy {
  readonly #settings: RetrySettings;
  #tries = 0;

  constructor(settings: RetrySettings) {
    this.#settings = settings;
  }

  /** Deliveries that failed in a row. */
  get tries(): number {
    return this.#tries;
  }

  /** Other events are at the head now. */
  reset(): void {
    this.#tries = 0;
  }

  /** Counts a failed try. @returns ms to wait before the next, or `undefined` if that was the last */
  next(failure: MeshError): number | undefined {
    this.#tries++;
    if (this.#tries >= this.#settings.attempts) return undefined;
    const delay = Math.min(MAX_DELAY_MS, this.#settings.retryDelayMs * 2 ** (this.#tries - 1));
    const jittered = delay * (1 - JITTER + 2 * JITTER * Math.random());
    return Math.max(jittered, Math.min(failure.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
  }
}
