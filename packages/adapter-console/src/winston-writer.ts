import { MeshError } from '@lemur-bookstores/mesh-interface';
import type winston from 'winston';
import type { ConsoleLevel } from './event-line.js';

/** What a level is called where a logger has other names for it (syslog's, npm's), best first. */
const NAMES: Readonly<Record<ConsoleLevel, readonly string[]>> = {
  error: ['error', 'err', 'crit', 'fatal'],
  warn: ['warn', 'warning', 'notice'],
  info: ['info', 'notice', 'http'],
  debug: ['debug', 'verbose', 'trace', 'silly'],
};

/** Hands events to a winston logger of the user's own, which decides about levels, form and place. It is never closed here. */
export class WinstonWriter {
  readonly #logger: winston.Logger;

  constructor(logger: winston.Logger) {
    this.#logger = logger;
  }

  /** Whether the logger would do anything with such an event. */
  shows(level: ConsoleLevel): boolean {
    return this.#logger.isLevelEnabled(this.#nameOf(level));
  }

  /**
   * Resolves when the logger has taken the event: at once, or when its transports have caught up.
   * @throws MeshError `adapter_failed`, permanent, once the logger was ended
   */
  write(level: ConsoleLevel, message: string, event: unknown): Promise<void> {
    // Winston would emit an error event for it, which without a listener ends the process.
    if (!this.#logger.writable) return Promise.reject(new MeshError('adapter_failed', 'the winston logger was ended', { retryable: false }));
    return new Promise((resolve, reject) => {
      this.#logger.write({ level: this.#nameOf(level), message, event }, (error?: Error | null) => {
        if (error === undefined || error === null) resolve();
        else reject(new MeshError('adapter_failed', error.message, { cause: error }));
      });
    });
  }

  #nameOf(level: ConsoleLevel): string {
    return NAMES[level].find((name) => Object.hasOwn(this.#logger.levels, name)) ?? this.#logger.level;
  }
}
