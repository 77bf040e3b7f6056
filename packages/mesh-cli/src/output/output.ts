import { escapeControls } from '@lemur-bookstores/mesh-interface';
import type { OutputStream } from '../command-io.js';

/** How a text looks on a terminal that shows colours. */
export type Style = 'good' | 'bad' | 'warning' | 'faint' | 'strong';

/** Part of a line: a text, or one in a style. */
export type Span = string | { readonly text: string; readonly style: Style };

/** A line's parts. */
export type Line = Span | readonly Span[];

/** SGR codes. */
const CODES: Readonly<Record<Style, string>> = { good: '32', bad: '1;31', warning: '33', faint: '2', strong: '1' };
const RESET = '\u001b[0m';

/**
 * Lines to a stream. No control or format character of a text gets out raw, whoever wrote it: the codes of the styles are the only
 * ones, and only for a terminal (https://no-color.org).
 */
export class Output {
  readonly isTerminal: boolean;
  /** Width of the terminal in characters; `undefined` where there is none. */
  readonly columns: number | undefined;
  readonly #stream: OutputStream;
  readonly #hasColors: boolean;
  readonly #gone = new AbortController();
  readonly #onError: (error: NodeJS.ErrnoException) => void;
  #failure: Error | undefined;

  constructor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream;
    this.isTerminal = stream.isTTY === true;
    this.columns = this.isTerminal ? stream.columns : undefined;
    this.#hasColors = this.isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
    // Without a listener a reader that goes away (`| head`) would end the process with a stack trace.
    this.#onError = (error) => {
      if (error.code !== 'EPIPE') this.#failure ??= error;
      this.#gone.abort();
    };
    stream.on('error', this.#onError);
  }

  /** Aborts once nobody takes what is written. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Writes a line, and waits while the stream is full. What nobody reads is dropped. */
  async line(line: Line = ''): Promise<void> {
    const spans = typeof line === 'object' && !('text' in line) ? line : [line];
    await this.#write(`${spans.map((span) => this.#shown(span)).join('')}\n`);
  }

  /** Writes a text of lines as it is but for its control characters. */
  async text(text: string): Promise<void> {
    await this.#write(text.split('\n').map(escapeControls).join('\n'));
  }

  /** Waits until all of it is written, and lets go of the stream. @throws what the stream failed with; a reader that went away is no failure */
  async end(): Promise<void> {
    if (!this.#gone.signal.aborted) await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
    // A failed write calls back before it emits its error.
    await new Promise((resolve) => setImmediate(resolve));
    this.#stream.off('error', this.#onError);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #shown(span: Span): string {
    if (typeof span === 'string') return escapeControls(span);
    const text = escapeControls(span.text);
    return this.#hasColors ? `\u001b[${CODES[span.style]}m${text}${RESET}` : text;
  }

  async #write(text: string): Promise<void> {
    if (this.#gone.signal.aborted || this.#stream.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done);
        this.#gone.signal.removeEventListener('abort', done);
        resolve();
      };
      this.#stream.on('drain', done);
      this.#gone.signal.addEventListener('abort', done);
    });
  }
}
