import { Writable } from 'node:stream';

/** A stream that keeps what is written to it. */
export class TextSink extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    done();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Without the end of the last one. */
  get lines(): string[] {
    return linesOf(this.bytes.toString('utf8'));
  }
}

/** What lines a text is made of; its last line must have an end. */
export function linesOf(text: string): string[] {
  if (text === '') return [];
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  return text.slice(0, -1).split('\n');
}

/** What the process itself writes, kept instead of shown, until `restore()`. */
export class CapturedProcessOutput {
  readonly #kept: { readonly stdout: Buffer[]; readonly stderr: Buffer[] } = { stdout: [], stderr: [] };
  readonly #writes = { stdout: process.stdout.write, stderr: process.stderr.write };

  constructor() {
    for (const name of ['stdout', 'stderr'] as const) {
      process[name].write = ((chunk: string | Uint8Array, encoding?: unknown, callback?: () => void) => {
        this.#kept[name].push(Buffer.from(chunk as string));
        const done = typeof encoding === 'function' ? (encoding as () => void) : callback;
        if (done !== undefined) process.nextTick(done);
        return true;
      }) as typeof process.stdout.write;
    }
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#kept.stdout);
  }

  get stderr(): Buffer {
    return Buffer.concat(this.#kept.stderr);
  }

  restore(): void {
    process.stdout.write = this.#writes.stdout;
    process.stderr.write = this.#writes.stderr;
  }
}
