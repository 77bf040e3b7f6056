import type { LogFields, Logger } from '@lemur-bookstores/mesh-interface';

/** One line of the operational log. */
export interface LoggedLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** Keeps what an adapter says to the operational log, out of sight: an adapter that is printed may show its logger. */
export class RecordingLogger implements Logger {
  readonly #lines: LoggedLine[] = [];

  get lines(): readonly LoggedLine[] {
    return this.#lines;
  }

  debug(message: string, fields?: LogFields): void {
    this.#lines.push({ level: 'debug', message, fields });
  }

  info(message: string, fields?: LogFields): void {
    this.#lines.push({ level: 'info', message, fields });
  }

  warn(message: string, fields?: LogFields): void {
    this.#lines.push({ level: 'warn', message, fields });
  }

  error(message: string, fields?: LogFields): void {
    this.#lines.push({ level: 'error', message, fields });
  }
}

const fails = (): never => {
  throw new Error('the logger itself failed');
};

/** A logger that is broken. */
export const throwingLogger: Logger = { debug: fails, info: fails, warn: fails, error: fails };
