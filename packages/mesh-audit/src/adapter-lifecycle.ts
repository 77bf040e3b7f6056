import { MeshError, type AdapterContext, type Clock, type Logger, type ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import { withinDeadline } from './deadline.js';

/** Calls the optional members around an adapter's deliveries, each within a deadline. Their trouble is a warning: nothing here rejects. */
export class AdapterLifecycle {
  readonly #name: string;
  readonly #adapter: ManagedAdapter;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  #started: Promise<void> = Promise.resolve();

  constructor(name: string, adapter: ManagedAdapter, clock: Clock, logger: Logger, timeoutMs: number) {
    this.#name = name;
    this.#adapter = adapter;
    this.#clock = clock;
    this.#logger = logger;
    this.#timeoutMs = timeoutMs;
  }

  start(context: AdapterContext): Promise<void> {
    this.#started = this.#run('start', () => this.#adapter.start?.(context));
    return this.#started;
  }

  flush(): Promise<void> {
    return this.#run('flush', () => this.#adapter.flush?.());
  }

  /** A start() under way is waited for, within its own deadline: what it opens after close() nobody would close. */
  async close(): Promise<void> {
    await this.#started;
    await this.#run('close', () => this.#adapter.close?.());
  }

  async #run(what: 'start' | 'flush' | 'close', run: () => Promise<void> | undefined): Promise<void> {
    if (typeof this.#adapter[what] !== 'function') return;
    try {
      await withinDeadline(this.#clock, this.#timeoutMs, `${what}()`, run);
    } catch (error) {
      this.#logger.warn(`audit adapter ${this.#name}: ${what}() failed`, { error: MeshError.from(error, 'adapter_failed').message });
    }
  }
}
