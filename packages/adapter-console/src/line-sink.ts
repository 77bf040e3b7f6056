import { Writable } from 'node:stream';

/** Where lines end up: `process.stdout`, or any other stream. */
export type LineTarget = NodeJS.WritableStream;

/** A line on its way through winston, and who waits for it. */
export interface LineInfo {
  readonly level: string;
  readonly message: string;
  readonly written: (error?: Error | null) => void;
}

/**
 * Writes lines to a stream one by one and tells when each is written. Winston's own transports cannot: they write without a
 * callback and go on, whether the stream takes more or not.
 */
export class LineSink extends Writable {
  readonly #target: LineTarget;

  constructor(target: LineTarget) {
    super({ objectMode: true });
    this.#target = target;
  }

  override _write(info: LineInfo, _encoding: string, done: () => void): void {
    const written = (error?: Error | null): void => {
      info.written(error);
      // One line that failed must not end the stream for those after it.
      done();
    };
    try {
      this.#target.write(`${info.message}\n`, written);
    } catch (error) {
      written(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
