import { MeshError, type Clock, type ClockTimer, type Logger, type ManagedAdapter, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { withinDeadline } from './deadline.js';

/** How often an adapter gets metrics, and how long it may take for them, in ms. */
export interface MetricsFeedSettings {
  readonly metricsIntervalMs: number;
  readonly deliveryTimeoutMs: number;
}

/**
 * Gives one adapter that has `logMetrics` a snapshot every interval: one at a time, each within a deadline, beside its deliveries of events. While one is under
 * way the others are left out: a snapshot has everything the ones before it had. What fails is not tried again, the next one takes its place.
 */
export class MetricsFeed {
  readonly #name: string;
  readonly #adapter: ManagedAdapter;
  readonly #settings: MetricsFeedSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #state: 'idle' | 'running' | 'stopped' = 'idle';
  #timer: ClockTimer | undefined;
  #underWay: Promise<void> | undefined;
  /** Trouble is said once, until it is over. */
  #failing = false;

  constructor(name: string, adapter: ManagedAdapter, settings: MetricsFeedSettings, clock: Clock, logger: Logger) {
    this.#name = name;
    this.#adapter = adapter;
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The first snapshot comes one interval later. Nothing happens where the adapter has no `logMetrics`, the second time, and after `stop()`. */
  start(read: () => MetricsSnapshot): void {
    if (this.#state !== 'idle' || typeof this.#adapter.logMetrics !== 'function') return;
    this.#state = 'running';
    this.#arm(read);
  }

  /** No more of them. Resolves when the one under way has ended, at the end of its deadline at the latest. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#underWay;
  }

  #arm(read: () => MetricsSnapshot): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#arm(read);
      this.#underWay ??= this.#give(read).finally(() => (this.#underWay = undefined));
    }, this.#settings.metricsIntervalMs);
  }

  /** Never rejects. */
  async #give(read: () => MetricsSnapshot): Promise<void> {
    try {
      await withinDeadline(this.#clock, this.#settings.deliveryTimeoutMs, 'logMetrics()', () => this.#adapter.logMetrics?.(read()));
      if (this.#failing) this.#logger.info(`audit adapter ${this.#name}: takes metrics again`);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#logger.warn(`audit adapter ${this.#name}: logMetrics() failed; said once, until it takes metrics again`, { error: MeshError.from(error, 'adapter_failed').message });
      this.#failing = true;
    }
  }
}
