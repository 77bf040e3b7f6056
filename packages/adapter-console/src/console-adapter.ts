import { MeshError, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type winston from 'winston';
import { eventText, jsonLine, levelOf, safeEvent, type ConsoleLevel } from './event-line.js';
import type { LineTarget } from './line-sink.js';
import { LEVELS, LineWriter } from './line-writer.js';
import { prettyLine, styleFor, type PrettyStyle } from './pretty-format.js';
import { WinstonWriter } from './winston-writer.js';

/** Options of a {@link ConsoleAdapter}. */
export interface ConsoleAdapterOptions {
  /** The quietest events shown. `debug` shows every call. Default `info`; with a `logger`, what that one shows. */
  readonly level?: ConsoleLevel | undefined;
  /** `pretty` (default): a line for a person. `json`: a JSON object a line. Not used with a `logger`. */
  readonly format?: 'pretty' | 'json' | undefined;
  /** Whether `pretty` lines are colored. Default: on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`. */
  readonly color?: boolean | undefined;
  /** A winston logger of the user's own, which then decides about form and place. It is never closed here. */
  readonly logger?: winston.Logger | undefined;
  /** Where lines go. Default: stdout. Not used with a `logger`. */
  readonly stream?: LineTarget | undefined;
}

/**
 * Shows audit events on the console through winston: one line each, every control character escaped. Node.js writes to terminals and
 * files synchronously (https://nodejs.org/api/process.html#a-note-on-process-io): a terminal that stands still blocks the process.
 */
export class ConsoleAdapter implements ManagedAdapter {
  readonly name = 'console';
  readonly #level: number;
  readonly #format: 'pretty' | 'json';
  readonly #color: boolean | undefined;
  readonly #stream: LineTarget | undefined;
  readonly #winston: WinstonWriter | undefined;
  /** Made for the first line: constructing does no I/O, and `process.stdout` opens it. */
  #lines: LineWriter | undefined;
  #style: PrettyStyle | undefined;
  #closed: Promise<void> | undefined;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(options: ConsoleAdapterOptions = {}) {
    const { logger, stream, color } = options;
    const level = options.level ?? (logger === undefined ? 'info' : 'debug');
    const format = options.format ?? 'pretty';
    const problems: string[] = [];
    if (!Object.hasOwn(LEVELS, level)) problems.push(`level: must be one of ${Object.keys(LEVELS).join(', ')}`);
    if (format !== 'pretty' && format !== 'json') problems.push("format: must be 'pretty' or 'json'");
    if (color !== undefined && typeof color !== 'boolean') problems.push('color: must be true or false');
    if (logger !== undefined && (typeof logger.write !== 'function' || typeof logger.levels !== 'object')) problems.push('logger: must be a winston logger');
    if (stream !== undefined && typeof stream.write !== 'function') problems.push('stream: must be a writable stream');
    if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
    this.#level = LEVELS[level];
    this.#format = format;
    this.#color = color;
    this.#stream = stream;
    this.#winston = logger === undefined ? undefined : new WinstonWriter(logger);
  }

  /** Whether its level is shown. What a `logger` of the user's own leaves out beyond that counts as delivered: its level may change at any time. */
  accepts(event: MeshAuditEvent): boolean {
    return LEVELS[this.#levelOf(event)] <= this.#level;
  }

  /**
   * Resolves when the line is written, or at once where its level is not shown.
   * @throws MeshError `adapter_failed` (the stream or logger is closed, the event cannot be shown: permanent), `queue_full`
   */
  async logEvent(event: MeshAuditEvent): Promise<void> {
    if (this.#closed !== undefined) throw new MeshError('adapter_failed', 'the console adapter is closed', { retryable: false });
    const level = this.#levelOf(event);
    if (LEVELS[level] > this.#level) return;
    if (this.#winston === undefined) {
      const line = shown(() => (this.#format === 'json' ? jsonLine(event, level) : this.#pretty(event, level)));
      this.#lines ??= new LineWriter(this.#stream ?? process.stdout);
      await this.#lines.write(level, line);
    } else if (this.#winston.shows(level)) {
      const [text, fields] = shown(() => [eventText(event), safeEvent(event)]);
      await this.#winston.write(level, text, fields);
    }
  }

  async flush(): Promise<void> {
    await this.#lines?.flush();
  }

  /** Waits for the lines under way. Closes neither the stream nor the user's logger. Safe to call twice. */
  close(): Promise<void> {
    this.#closed ??= this.#lines?.close() ?? Promise.resolve();
    return this.#closed;
  }

  #levelOf(event: MeshAuditEvent): ConsoleLevel {
    return levelOf(event, this.#format === 'pretty' && this.#winston === undefined);
  }

  #pretty(event: MeshAuditEvent, level: ConsoleLevel): string {
    this.#style ??= styleFor((this.#stream ?? process.stdout) as { readonly isTTY?: boolean }, process.env, this.#color);
    return prettyLine(event, level, this.#style);
  }
}

/** An event that cannot be shown now never can: getters that throw, and the like. */
function shown<T>(show: () => T): T {
  try {
    return show();
  } catch (error) {
    throw new MeshError('adapter_failed', 'the event cannot be shown', { cause: error, retryable: false });
  }
}
