import type { AdapterContext, ManagedAdapter, MeshAuditEvent, MetricsSnapshot, MonitoringAdapter } from '@lemur-bookstores/mesh-interface';

/**
 * An adapter in front of another one, which it answers for: durability, life cycle and metrics go through. `logEvents` and `logMetrics` are
 * there only where the inner adapter has them: a lane looks for them, and a batch that is handed on one by one could not be all or nothing.
 */
export abstract class WrappingAdapter implements ManagedAdapter {
  readonly name: string;
  readonly logEvents?: NonNullable<ManagedAdapter['logEvents']>;
  readonly logMetrics?: NonNullable<ManagedAdapter['logMetrics']>;
  protected readonly inner: ManagedAdapter;

  constructor(kind: string, inner: MonitoringAdapter) {
    const managed: ManagedAdapter = inner;
    this.inner = managed;
    this.name = `${kind}(${nameOf(managed)})`;
    if (typeof managed.logEvents === 'function') {
      this.logEvents = async (events, options) => {
        const kept = events.filter((event) => this.accepts(event));
        if (kept.length > 0) await this.deliver(kept, () => managed.logEvents!(kept, options));
      };
    }
    if (typeof managed.logMetrics === 'function') this.logMetrics = async (metrics: MetricsSnapshot) => managed.logMetrics!(metrics);
  }

  get durable(): boolean {
    return this.inner.durable === true;
  }

  /** Whether the event goes to the inner adapter. Never throws. */
  abstract accepts(event: MeshAuditEvent): boolean;

  /** Resolves when the inner adapter has the event, or at once where it does not get it. Throws what the inner adapter throws. */
  async logEvent(event: MeshAuditEvent): Promise<void> {
    if (this.accepts(event)) await this.deliver([event], () => this.inner.logEvent(event));
  }

  async start(context: AdapterContext): Promise<void> {
    await this.inner.start?.(context);
  }

  async flush(): Promise<void> {
    await this.inner.flush?.();
  }

  async close(): Promise<void> {
    await this.inner.close?.();
  }

  /** Hands events on. @param _events those that `run` delivers */
  protected async deliver(_events: readonly MeshAuditEvent[], run: () => Promise<void>): Promise<void> {
    await run();
  }
}

/** Whether an adapter keeps an event. One that cannot say gets it: better one too many than one lost. */
export function acceptedBy(adapter: ManagedAdapter, event: MeshAuditEvent): boolean {
  if (typeof adapter.accepts !== 'function') return true;
  try {
    return adapter.accepts(event) !== false;
  } catch {
    return true;
  }
}

/** An adapter's own name, else its class's. */
export function nameOf(adapter: ManagedAdapter): string {
  return typeof adapter.name === 'string' && adapter.name !== '' ? adapter.name : adapter.constructor?.name ?? 'adapter';
}
