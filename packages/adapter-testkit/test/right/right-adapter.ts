import { MeshError, type AdapterContext, type Logger, type ManagedAdapter, type MeshAuditEvent, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { SinkRefusal, type MemorySink } from './memory-sink.js';

/** The smallest adapter that holds to everything. Its parts are methods, for the wrong ones to get wrong. */
export class RightAdapter implements ManagedAdapter {
  protected readonly sink: MemorySink;
  protected logger: Logger | undefined;
  protected isClosed = false;
  readonly #underWay = new Set<Promise<void>>();

  constructor(sink: MemorySink, _key?: string) {
    this.sink = sink;
  }

  async start(context: AdapterContext): Promise<void> {
    this.logger = context.logger;
  }

  async logEvent(event: MeshAuditEvent): Promise<void> {
    await this.put([event]);
  }

  async flush(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.flush();
  }

  protected async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    if (this.isClosed) throw new MeshError('adapter_failed', 'the adapter is closed', { retryable: false });
    await this.track(this.sink.put(events.map((event) => this.text(event)), signal).catch((error: unknown) => this.refused(error)));
  }

  protected text(event: MeshAuditEvent): string {
    if (typeof event !== 'object' || event === null) throw new MeshError('adapter_failed', 'no event', { retryable: false });
    return JSON.stringify(event);
  }

  protected refused(error: unknown): never {
    throw error instanceof SinkRefusal ? error.toMeshError() : error;
  }

  /** What flush() and close() wait for. */
  protected async track(delivery: Promise<void>): Promise<void> {
    this.#underWay.add(delivery);
    try {
      await delivery;
    } finally {
      this.#underWay.delete(delivery);
    }
  }
}

/** The same with `logEvents`. */
export class RightBatchAdapter extends RightAdapter {
  async logEvents(events: readonly MeshAuditEvent[], { signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    if (events.length > 0) await this.put(events, signal);
  }
}

/** The same with everything that an adapter may have. */
export class RightFullAdapter extends RightBatchAdapter {
  readonly name: string = 'right';
  readonly durable: boolean = true;

  accepts(event: MeshAuditEvent): boolean {
    return event.eventType !== 'message';
  }

  async logMetrics(metrics: MetricsSnapshot): Promise<void> {
    JSON.stringify(metrics);
  }
}
