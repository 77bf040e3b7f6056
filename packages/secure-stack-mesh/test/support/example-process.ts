import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const EXAMPLES = fileURLToPath(new URL('../../../../docs/examples/', import.meta.url));

/** An example as a user would run it, in folders of its own. */
export class ExampleProcess {
  readonly #child: ChildProcess;
  readonly #home = realpathSync(mkdtempSync(join(tmpdir(), 'example-')));
  readonly #listeners = new Set<() => void>();
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  output = '';
  #over = false;

  constructor(file: string, args: readonly string[] = [], more: NodeJS.ProcessEnv = {}) {
    const env = { ...process.env, TMPDIR: this.#home, MESH_KEYS_DIR: join(this.#home, 'keys'), MESH_RUNTIME_DIR: join(this.#home, 'runtime'), ...more };
    this.#child = spawn(process.execPath, [join(EXAMPLES, file), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.#tellListeners();
      });
    }
    this.ended = new Promise((resolve) =>
      this.#child.once('close', (code, signal) => {
        this.#over = true;
        this.#tellListeners();
        resolve({ code, signal });
      }),
    );
  }

  /** What the pattern finds in the output, once it does. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(this.output);
        if (found === null && !this.#over) return;
        this.#listeners.delete(look);
        if (found !== null) resolve(found);
        else reject(new Error(`ended without ${String(pattern)}:\n${this.output}`));
      };
      this.#listeners.add(look);
      look();
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** All processes whose pids it printed. */
  get pids(): number[] {
    return [...new Set([...this.output.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid)))];
  }

  /** What it left in its temporary folder. */
  get leftovers(): string[] {
    return readdirSync(this.#home).filter((name) => name !== 'keys' && name !== 'runtime');
  }

  clear(): void {
    if (!this.#over) this.#child.kill('SIGKILL');
    rmSync(this.#home, { recursive: true, force: true });
  }

  #tellListeners(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Whether a process of this pid runs. One that has died and of which nobody took note (containers often have no init) does not. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch {
    return process.platform !== 'linux';
  }
}
