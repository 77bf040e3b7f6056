import { constants } from 'node:os';
import { holdProcess, MeshError, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import { OptionProblems } from './option-problems.js';

export interface ShutdownOptions {
  /**
   * How long the mesh goes on taking calls after the signal, in ms, while readiness fails: as long as load balancers take to notice. Default 5,000; 0 to 600,000.
   * A mesh that is not ready when the signal comes does not wait.
   */
  readonly waitMs?: number;
  /** How long all of it may take, in ms, the wait included; then the process ends all the same. Default 28,000, within Kubernetes' 30 s; up to 600,000. */
  readonly timeoutMs?: number;
  /** Called after the wait, before the mesh closes: stop taking requests here. Awaited; what it throws is logged, and closing goes on. */
  readonly beforeClose?: (signal: NodeJS.Signals) => unknown;
  /** Whether the process is ended once all is closed: with `process.exitCode`, else 0, or 1 if it took too long. Default true; with `false` it ends once nothing keeps it. */
  readonly exit?: boolean;
}

/** How a shutdown went. */
export interface ShutdownEnd {
  readonly signal: NodeJS.Signals;
  /** `timeout`: `timeoutMs` were over before all was closed. */
  readonly outcome: 'closed' | 'timeout';
}

/** What a shutdown does with its mesh. @internal */
export interface ShutdownTarget {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether it takes calls. */
  isReady(): boolean;
  /** From now on it is not ready. */
  onBegin(): void;
  close(): Promise<void>;
}

const MAX_MS = 600_000;

/** Those under way in this process: it ends with the last of them. */
const underWay = new Set<Shutdown>();

/** Waits for a signal, then ends a mesh in order: not ready → wait → `beforeClose` → stop listening, drain, flush, close → exit. A second signal ends the process at once. */
export class Shutdown {
  /** Settles once a signal came and all was closed, or it took too long. Never rejects. */
  readonly done: Promise<ShutdownEnd>;
  readonly #target: ShutdownTarget;
  readonly #options: ShutdownOptions;
  readonly #signals: readonly NodeJS.Signals[];
  #settle: (end: ShutdownEnd) => void = () => {};
  #state: 'armed' | 'running' | 'ended' = 'armed';

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(target: ShutdownTarget, signals: readonly NodeJS.Signals[], options: ShutdownOptions) {
    assertOptions(signals, options);
    this.#target = target;
    this.#options = options;
    this.#signals = [...new Set(signals)];
    this.done = new Promise((resolve) => (this.#settle = resolve));
    // Listeners of signals keep no process alive.
    for (const signal of this.#signals) process.on(signal, this.#onSignal);
  }

  /** Whether a signal came. */
  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** Listens no more: signals do again what they did before. One under way goes on, and cannot be forced by a second signal. */
  dispose(): void {
    for (const signal of this.#signals) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#state === 'running') {
      this.#target.logger.warn(`${signal} again: ends at once`);
      process.exit(128 + constants.signals[signal]);
    }
    if (this.#state === 'armed') void holdProcess(() => this.#run(signal));
  };

  async #run(signal: NodeJS.Signals): Promise<void> {
    const { clock, logger } = this.#target;
    const { timeoutMs = 28_000, exit = true } = this.#options;
    this.#state = 'running';
    underWay.add(this);
    logger.info(`${signal}: closing, within ${timeoutMs} ms`);
    const outcome = await new Promise<ShutdownEnd['outcome']>((resolve) => {
      const timer = clock.setTimeout(() => resolve('timeout'), timeoutMs);
      void this.#sequence(signal).then(() => {
        timer.cancel();
        resolve('closed');
      });
    });
    if (outcome === 'timeout') logger.error(`not closed within ${timeoutMs} ms after ${signal}: what was left is lost`);
    this.#state = 'ended';
    this.dispose();
    underWay.delete(this);
    this.#settle({ signal, outcome });
    if (!exit) return;
    if (outcome === 'timeout') process.exitCode = 1;
    // One turn for whoever awaits `done`.
    setImmediate(() => {
      if (underWay.size === 0) process.exit();
    });
  }

  /** Never rejects. */
  async #sequence(signal: NodeJS.Signals): Promise<void> {
    const { waitMs = 5_000, beforeClose } = this.#options;
    const wasReady = this.#target.isReady();
    this.#target.onBegin();
    if (wasReady && waitMs > 0) await new Promise<void>((resolve) => void this.#target.clock.setTimeout(resolve, waitMs));
    await this.#carefully('beforeClose', () => beforeClose?.(signal));
    await this.#carefully('closing', () => this.#target.close());
  }

  async #carefully(what: string, step: () => unknown): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#target.logger.error(`${what} went wrong: ${MeshError.from(error).message}`);
    }
  }
}

function assertOptions(signals: readonly NodeJS.Signals[], options: ShutdownOptions): void {
  const problems = new OptionProblems();
  const given: unknown = signals;
  const fits = Array.isArray(given) && given.length > 0 && given.every((name) => typeof name === 'string' && Object.hasOwn(constants.signals, name) && name !== 'SIGKILL' && name !== 'SIGSTOP');
  if (!fits) problems.add('signals', "must be a list of signals that can be caught, as ['SIGTERM', 'SIGINT']");
  const group: unknown = options;
  if (problems.object('', group, ['waitMs', 'timeoutMs', 'beforeClose', 'exit'])) {
    const { waitMs = 5_000, timeoutMs = 28_000, beforeClose, exit } = options;
    problems.number('waitMs', waitMs, 0, MAX_MS);
    problems.number('timeoutMs', timeoutMs, 1, MAX_MS);
    problems.boolean('exit', exit);
    if (beforeClose !== undefined && typeof beforeClose !== 'function') problems.add('beforeClose', 'must be a function');
    if (waitMs >= timeoutMs) problems.add('timeoutMs', `must be more than waitMs (${waitMs})`);
  }
  problems.throwIfAny();
}
