import type { Clock, Logger, MeshError } from '@lemur-bookstores/mesh-interface';
import type { Teller } from './teller.js';

const SAY_EVERY_MS = 60_000;

/** Says in the log what becomes of calls: the first failure and the first refusal in a minute, and that PagerDuty answers again. */
export class OutcomeLog {
  readonly #clock: () => Clock;
  readonly #logger: () => Logger;
  #saidFailing = false;
  #failureSaidAt = -Infinity;
  #refusalSaidAt = -Infinity;

  constructor(clock: () => Clock, logger: () => Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @param isClosing whether it is not tried again: who closes says what was not told */
  say(error: MeshError | undefined, { key }: Teller, isClosing: boolean): void {
    const now = this.#clock().monotonic();
    if (error?.retryable === true) {
      if (now < this.#failureSaidAt + SAY_EVERY_MS || isClosing) return;
      this.#logger().warn('PagerDuty cannot be told of an incident; it is tried again', { key, error: error.message });
      this.#failureSaidAt = now;
      this.#saidFailing = true;
      return;
    }
    if (this.#saidFailing) this.#logger().info('PagerDuty answers again');
    this.#saidFailing = false;
    if (error === undefined || now < this.#refusalSaidAt + SAY_EVERY_MS) return;
    this.#logger().error('PagerDuty does not take an incident', { key, error: error.message });
    this.#refusalSaidAt = now;
  }
}
