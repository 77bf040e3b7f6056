import type { Clock } from './clock.js';
import type { LogFields, Logger } from './logger.js';

/** One warning of a kind within this time; the others are counted. */
const INTERVAL_MS = 10_000;

/** Says a warning that may come thousands of times a second at most every 10 s, with how often it was held back. */
export class ThrottledWarning {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #level: 'warn' | 'error';
  #quietUntil = -Infinity;
  #heldBack = 0;

  constructor(logger: Logger, clock: Clock, level: 'warn' | 'error' = 'warn') {
    this.#logger = logger;
    this.#level = level;
    this.#clock = clock;
  }

  warn(message: string, fields: LogFields = {}): void {
    const now = this.#clock.monotonic();
    if (now < this.#quietUntil) {
      this.#heldBack++;
      return;
    }
    this.#quietUntil = now + INTERVAL_MS;
    const heldBack = this.#heldBack;
    this.#heldBack = 0;
    this.#logger[this.#level](message, heldBack === 0 ? fields : { ...fields, heldBack });
  }
}
