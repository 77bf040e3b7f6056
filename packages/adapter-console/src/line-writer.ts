import { MeshError } from '@lemur-bookstores/mesh-interface';
import winston from 'winston';
import type { ConsoleLevel } from './event-line.js';
import { LineSink, type LineTarget } from './line-sink.js';

/** Loudest first, as winston counts. */
export const LEVELS: Readonly<Record<ConsoleLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/** Lines under way at most; a terminal that stands still gets no more, and the lane waits. */
const MAX_PENDING = 1_000;

/** A winston logger of our own, in front of a stream. */
export class LineWriter {
  readonly #target: LineTarget;
  readonly #logger: winston.Logger;
  #pending = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(target: LineTarget) {
    this.#target = target;
    // A reader that goes away (`| head`) is an error event on the stream, which without a listener ends the process. Each line hears of it by its callback.
    target.on('error', ignore);
    this.#logger = winston.createLogger({
      levels: LEVELS,
      level: 'debug',
      format: winston.format((info) => info)(),
      transports: [new winston.transports.Stream({ stream: new LineSink(target) })],
    });
  }

  /**
   * Resolves when the stream has taken the line.
   * @throws MeshError `adapter_failed`, permanent once the stream is closed; `queue_full`
   */
  write(level: ConsoleLevel, message: string): Promise<void> {
    if (this.#pending >= MAX_PENDING) return Promise.reject(new MeshError('queue_full', `${MAX_PENDING} lines are not written yet`));
    this.#pending++;
    const line = new Promise<void>((resolve, reject) => {
      const written = (error?: Error | null): void => {
        this.#pending--;
        if (error === undefined || error === null) resolve();
        else reject(new MeshError('adapter_failed', `the line was not written: ${error.message}`, { cause: error, retryable: this.#target.writable }));
      };
      this.#logger.write({ level, message, written });
    });
    this.#last = line.catch(ignore);
    return line;
  }

  /** Resolves when everything written so far has left, or failed. */
  flush(): Promise<void> {
    return this.#last;
  }

  /** Lets go of the stream, which stays open. */
  async close(): Promise<void> {
    await this.#last;
    this.#logger.close();
    this.#target.removeListener('error', ignore);
  }
}

const ignore = (): void => undefined;
