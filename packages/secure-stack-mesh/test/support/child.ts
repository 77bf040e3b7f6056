import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a child ended. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A script of test/children in a process of its own. It tells by `process.send`, and is asked by messages. */
export class Child {
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;
  readonly #messages: unknown[] = [];
  #onMessage: () => void = () => {};
  #gone: ChildEnd | undefined;

  /**
   * @param ipc `false`: nothing but the mesh itself could keep it alive
   * @param prefix of its command: what becomes it, in another place
   */
  constructor(script: string, env: NodeJS.ProcessEnv, ipc = true, prefix: readonly string[] = []) {
    const path = fileURLToPath(new URL(`../children/${script}`, import.meta.url));
    const [command = '', ...args] = [...prefix, process.execPath, '--expose-gc', path];
    this.#process = spawn(command, args, {
      env: { ...process.env, ...(prefix.length === 0 ? {} : { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }), NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) this.#process[name]?.on('data', (chunk: Buffer) => (output[name] += chunk.toString()));
    this.#process.on('message', (message) => {
      this.#messages.push(message);
      this.#onMessage();
    });
    this.ended = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.#gone = { code, signal, ...output };
        this.#onMessage();
        resolve(this.#gone);
      });
    });
  }

  /** Its next message. */
  async next<T>(): Promise<T> {
    while (this.#messages.length === 0) {
      if (this.#gone !== undefined) throw new Error(`the child ended (${this.#gone.code ?? this.#gone.signal}): ${this.#gone.stderr}`);
      await new Promise<void>((resolve) => (this.#onMessage = resolve));
    }
    return this.#messages.shift() as T;
  }

  tell(what: string): void {
    this.#process.send(what);
  }

  /** Asks it. */
  async ask<T>(question: string): Promise<T> {
    this.tell(question);
    return this.next<T>();
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#process.kill(signal);
  }

  close(): Promise<ChildEnd> {
    this.kill();
    return this.ended;
  }
}
