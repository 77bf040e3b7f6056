import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A child process that runs a script against the built package, and talks in lines of JSON. */
export class Script {
  readonly process: ChildProcess;
  readonly #lines: unknown[] = [];
  #wake: (() => void) | undefined;
  #partial = '';
  stderr = '';

  /** @param source an ES module; `core` and `iface` are the packages, `say(value)` writes a line */
  constructor(source: string, env: Record<string, string> = {}) {
    const prelude = `
      import * as core from '${new URL('../../dist/index.js', import.meta.url).href}';
      import * as iface from '@lemur-bookstores/mesh-interface';
      const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
    `;
    this.process = spawn(process.execPath, ['--input-type=module', '--eval', prelude + source], { cwd: new URL('../..', import.meta.url), env: { ...process.env, NODE_OPTIONS: '', ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.process.stdout?.on('data', (chunk: Buffer) => {
      const lines = (this.#partial + chunk.toString()).split('\n');
      this.#partial = lines.pop() ?? '';
      for (const line of lines) this.#lines.push(JSON.parse(line));
      this.#wake?.();
    });
    this.process.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.process.on('exit', () => this.#wake?.());
  }

  /** The next line it says. */
  async said(): Promise<unknown> {
    while (this.#lines.length === 0) {
      if (this.process.exitCode !== null || this.process.signalCode !== null) throw new Error(`it ended with ${this.process.exitCode ?? this.process.signalCode}: ${this.stderr}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#lines.shift();
  }

  /** Its exit code or signal. */
  async ended(): Promise<number | string | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'exit');
    return this.process.exitCode ?? this.process.signalCode;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.process.kill(signal);
    await this.ended();
  }
}
