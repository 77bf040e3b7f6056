import { MeshError, type AdapterContext, type Clock, type Logger, type ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import { withinDeadline } from './deadline.js';
import { MetricsFeed, type MetricsFeedSettings } from './metrics-feed.js';

/** Calls the optional members around an adapter's deliveries, each within a deadline, and feeds it metrics. Their trouble is a warning: nothing here rejects. */
export class AdapterLifecycle {
  readonly #name: string;
  readonly #adapter: ManagedAdapter;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  readonly #metrics: MetricsFeed;
  #started: Promise<void> = Promise.resolve();

  constructor(name: string, adapter: ManagedAdapter, clock: Clock, logger: Logger, settings: MetricsFeedSettings) {
    this.#name = name;
    this.#adapter = adapter;
    this.#clock = clock;
    this.#logger = logger;
    this.#timeoutMs = settings.deliveryTimeoutMs;
    this.#metrics = new MetricsFeed(name, adapter, settings, clock, logger);
  }

  start(context: AdapterContext): Promise<void> {
    this.#started = this.#run('start', () => this.#adapter.start?.(context));
    return this.#started.then(() => this.feed(context));
  }

  /** From here on the adapter gets metrics, where it takes any. */
  feed({ metrics }: Pick<AdapterContext, 'metrics'>): void {
    this.#metrics.start(metrics);
  }

  flush(): Promise<void> {
    return this.#run('flush', () => this.#adapter.flush?.());
  }

  /** A start() or logMetrics() under way is waited for, within its own deadline: what it opens after close() nobody would close. */
  async close(): Promise<void> {
    await Promise.all([this.#started, this.#metrics.stop()]);
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
