import { Writable } from 'node:stream';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import type { CommandIo } from '../../src/command-io.js';
import type { ExitCode } from '../../src/exit-code.js';
import { runProgram } from '../../src/program.js';

/** Keeps what is written; looks like a terminal where it is told to. */
export class Capture extends Writable {
  text = '';
  isTTY = false;
  columns = 80;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.text += chunk.toString();
    this.#waiting = this.#waiting.filter(({ count, resolve }) => this.lines.length < count || resolve());
    done();
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  /** Resolves when so many lines have been written. */
  hasLines(count: number): Promise<void> {
    return this.lines.length >= count ? Promise.resolve() : new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}

/** A program that runs in this process. */
export class Running {
  readonly stdout = new Capture();
  readonly stderr = new Capture();
  readonly clock = new FakeClock(Date.UTC(2026, 5, 1, 12));
  interrupt: (() => void) | undefined;
  readonly code: Promise<ExitCode>;

  constructor(args: readonly string[], { stdin = [], terminal = false, env = {} }: { stdin?: readonly string[]; terminal?: boolean; env?: CommandIo['env'] } = {}) {
    this.stdout.isTTY = terminal;
    const io: CommandIo = {
      stdin: (async function* () {
        yield* stdin;
      })(),
      stdout: this.stdout,
      stderr: this.stderr,
      env,
      clock: this.clock,
      onInterrupt: (callback) => {
        this.interrupt = callback;
        return () => (this.interrupt = undefined);
      },
    };
    this.code = runProgram(args, io);
  }
}

/** Runs the program to its end, in this process. */
export async function run(args: readonly string[], options: ConstructorParameters<typeof Running>[1] = {}): Promise<{ code: number; out: string; err: string; lines: string[] }> {
  const running = new Running(args, options);
  const code = await running.code;
  return { code, out: running.stdout.text, err: running.stderr.text, lines: running.stdout.lines };
}

/** Anything that a terminal would act on. */
export const RAW_CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
