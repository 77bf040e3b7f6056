import { MeshError, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import winston from 'winston';
import { jsonLine, levelOf, prettyLine, type ConsoleLevel } from './event-line.js';

const LEVELS: Readonly<Record<ConsoleLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/** Options of a {@link ConsoleAdapter}. */
export interface ConsoleAdapterOptions {
  /** The quietest events shown. `debug` shows every call. Default `info`. */
  readonly level?: ConsoleLevel;
  /** `pretty` (default): a line for a person. `json`: a JSON object a line. */
  readonly format?: 'pretty' | 'json';
  /** The user's own winston logger, which then decides about levels and form; it is never closed here. */
  readonly logger?: winston.Logger;
  /** Where lines go. Default: stdout. */
  readonly stream?: NodeJS.WritableStream;
}

/** Shows audit events on the console through winston, one line each, control characters escaped. */
export class ConsoleAdapter implements ManagedAdapter {
  readonly name = 'console';
  readonly #level: ConsoleLevel;
  readonly #format: 'pretty' | 'json';
  readonly #logger: winston.Logger;
  readonly #stream: NodeJS.WritableStream | undefined;

  /** @throws MeshError `invalid_option` */
  constructor(options: ConsoleAdapterOptions = {}) {
    const { level = 'info', format = 'pretty', logger, stream = process.stdout } = options;
    if (!Object.hasOwn(LEVELS, level)) throw new MeshError('invalid_option', `level: must be one of ${Object.keys(LEVELS).join(', ')}`);
    if (format !== 'pretty' && format !== 'json') throw new MeshError('invalid_option', "format: must be 'pretty' or 'json'");
    this.#level = logger === undefined ? level : 'debug';
    this.#format = format;
    this.#stream = logger === undefined ? stream : undefined;
    this.#logger =
      logger ??
      winston.createLogger({
        levels: LEVELS,
        level,
        format: winston.format.printf(({ message }) => String(message)),
        transports: [new winston.transports.Stream({ stream, eol: '\n' })],
      });
  }

  /** Resolves when the line is written, or at once where its level is not shown. */
  async logEvent(event: MeshAuditEvent): Promise<void> {
    const level = levelOf(event);
    if (LEVELS[level] > LEVELS[this.#level]) return;
    this.#logger.log(level, this.#format === 'json' ? jsonLine(event, level) : prettyLine(event, level));
    if (this.#stream?.writable === true && 'writableNeedDrain' in this.#stream && this.#stream.writableNeedDrain === true) await drained(this.#stream);
  }
}

/** A reader that is slow slows this adapter's lane, and nothing else. */
function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
}
