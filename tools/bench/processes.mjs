// The processes of a comparison: each on a core of its own, asked over the IPC channel.
import { fork, spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Without taskset or a second core everything still runs, and the report says that nothing was pinned. */
export const canPin = cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0;

const START_DEADLINE_MS = 20_000;
const TASK_DEADLINE_MS = 120_000;

/** A process started from `script`; it announces itself with `{ ready: true }` and answers `{ id, task, options }`. */
export class EndProcess {
  #child;
  #nextId = 0;
  #waiting = new Map();
  #ended;

  /** @param env beside the own environment */
  constructor(script, args, env = {}) {
    this.#child = fork(fileURLToPath(new URL(script, import.meta.url)), args, { execArgv: ['--expose-gc'], env: { ...process.env, ...env } });
    this.#child.on('message', ({ id = 0, result, error, ...announced }) => {
      if (error === undefined) this.#waiting.get(id)?.resolve(result ?? announced);
      else this.#waiting.get(id)?.reject(new Error(error));
      this.#waiting.delete(id);
    });
    this.#child.on('exit', (code, signal) => {
      this.#ended = new Error(`${args.join(' ')}: process ended (${signal ?? code})`);
      for (const { reject } of this.#waiting.values()) reject(this.#ended);
      this.#waiting.clear();
    });
  }

  /** Resolves with what the process says about itself. */
  ready() {
    return this.#answerTo(0, START_DEADLINE_MS);
  }

  ask(task, options) {
    const id = (this.#nextId += 1);
    const answer = this.#answerTo(id, TASK_DEADLINE_MS);
    if (this.#ended === undefined) this.#child.send({ id, task, options });
    return answer;
  }

  /** Moves all threads of the process, V8's helpers too, to one core. */
  pin(core) {
    if (canPin) spawnSync('taskset', ['-a', '-c', '-p', String(core), String(this.#child.pid)]);
  }

  end() {
    this.#child.kill('SIGKILL');
  }

  #answerTo(id, deadlineMs) {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs / 1000} s`)), deadlineMs);
      const settled = (settle) => (value) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#waiting.set(id, { resolve: settled(resolve), reject: settled(reject) });
    });
  }
}
