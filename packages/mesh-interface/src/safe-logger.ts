import type { LogFields, Logger } from './logger.js';

/** Passes on to a user's logger, which may throw or, being async, reject: that must not reach who has something to say. There is nowhere left to say it. */
export class SafeLogger implements Logger {
  readonly #inner: Logger;

  constructor(inner: Logger) {
    this.#inner = inner;
  }

  debug(message: string, fields?: LogFields): void {
    this.#say('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#say('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#say('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#say('error', message, fields);
  }

  #say(level: keyof Logger, message: string, fields: LogFields | undefined): void {
    try {
      // Typed as answering nothing, which an async method fits as well.
      const answer: unknown = this.#inner[level](message, fields);
      // Not Promise.resolve(): a hostile `constructor` or `then` may throw, which here is a rejection too.
      if (answer !== undefined) new Promise((resolve) => resolve(answer)).catch(() => undefined);
    } catch {
      // See above.
    }
  }
}
