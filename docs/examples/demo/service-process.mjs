import { fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AdminEndpoint } from './admin-endpoint.mjs';

const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 15_000;

/** Every process that runs, for whoever has to make sure that none is left. */
const running = new Set();

/** One process of the demo. Emits what it tells, by type, and `exit`. */
export class ServiceProcess extends EventEmitter {
  name;
  /** How it ended: `{ code, signal }`; `undefined` while it runs. */
  exit;
  /** Whether it is meant to end. */
  expected = false;
  /** Its trust domain and the certificate of the CA: what it tells first. */
  identity;
  /** Its admin endpoint, where it has one. */
  admin;
  /** Its own statistics, told once it had closed. */
  finalStats;
  #child;
  #exited;

  /** @param file beside this one. @param env what it gets besides the environment here */
  constructor(name, file, env) {
    super();
    this.name = name;
    // The local trust domain is what this demo shows, and production refuses it unless asked.
    const environment = { ...process.env, NODE_ENV: 'development', ...env };
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), [], { env: environment, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    running.add(this);
    this.on('ready', ({ adminPort, trustDomain, authority }) => {
      this.identity = { trustDomain, authority };
      if (adminPort !== undefined) this.admin = new AdminEndpoint(adminPort);
    });
    this.on('final', ({ stats }) => (this.finalStats = stats));
    this.#child.on('message', (message) => this.emit(message.type, message));
    // Sending to a process that has just died: its exit is what counts.
    this.#child.on('error', () => {});
    // Disconnected too: only then everything it told was read.
    this.#exited = Promise.all([once(this.#child, 'exit'), once(this.#child, 'disconnect')]).then(([[code, signal]]) => {
      this.exit = { code, signal };
      running.delete(this);
      this.emit('exit', this);
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** @throws Error if it ended, or is not there in time */
  async ready() {
    if (this.identity === undefined) await Promise.race([once(this, 'ready'), this.#exited, sleep(READY_WITHIN_MS, undefined, { ref: false })]);
    if (this.identity === undefined) throw new Error(`${this.name} (pid ${this.pid}) did not start`);
    return this;
  }

  tell(message) {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Kills it as a crash would, and waits until it is dead. */
  async kill() {
    this.expected = true;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Ends it as an orchestrator would, and waits until the process has ended by itself. One that does not is killed. */
  async terminate() {
    this.expected = true;
    this.#child.kill('SIGTERM');
    await this.#ended();
  }

  /** Asks it to close, and waits until the process has ended by itself. One that does not is killed. */
  async stop() {
    this.expected = true;
    this.tell({ type: 'stop' });
    await this.#ended();
  }

  async #ended() {
    await Promise.race([this.#exited, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
    if (this.exit === undefined) await this.kill();
  }
}

/** For the very end, when there is no time to ask. */
export function killWhatIsLeft() {
  for (const { pid } of running) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended in this moment.
    }
  }
}
