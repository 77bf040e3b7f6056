import { MeshError, UnderWay, type AdapterContext, type ManagedAdapter, type MeshAuditEvent, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';

const MAX_NAME_LENGTH = 64;

/**
 * An adapter in front of another one, which it answers for: durability, life cycle and metrics go through. `logEvents` and `logMetrics` are
 * there only where the inner adapter has them: a lane looks for them, and a batch that is handed on one by one could not be all or nothing.
 */
export abstract class WrappingAdapter implements ManagedAdapter {
  readonly name: string;
  readonly logEvents?: NonNullable<ManagedAdapter['logEvents']>;
  readonly logMetrics?: NonNullable<ManagedAdapter['logMetrics']>;
  protected readonly inner: ManagedAdapter;
  readonly #underWay = new UnderWay();
  #closing: Promise<void> | undefined;

  constructor(kind: string, inner: MonitoringAdapter) {
    const managed: ManagedAdapter = inner;
    this.inner = managed;
    this.name = `${kind}:${nameOf(managed)}`.slice(0, MAX_NAME_LENGTH);
    if (typeof managed.logEvents === 'function') {
      this.logEvents = async (events, options) => {
        this.#checkOpen();
        options?.signal?.throwIfAborted();
        const kept = events.filter((event) => this.accepts(event));
        if (kept.length > 0) await this.#underWay.track(this.deliver(kept, () => managed.logEvents!(kept, options)));
      };
    }
    if (typeof managed.logMetrics === 'function') this.logMetrics = async (metrics) => managed.logMetrics!(metrics);
  }

  get durable(): boolean {
    return this.inner.durable === true;
  }

  get closesFirst(): boolean {
    return this.inner.closesFirst === true;
  }

  /** Whether the event goes to the inner adapter. */
  abstract accepts(event: MeshAuditEvent): boolean;

  /**
   * Resolves when the inner adapter has the event, or at once where it does not get it.
   * @throws what the inner adapter throws; MeshError `adapter_failed`, permanent, after `close()`
   */
  async logEvent(event: MeshAuditEvent): Promise<void> {
    this.#checkOpen();
    if (this.accepts(event)) await this.#underWay.track(this.deliver([event], () => this.inner.logEvent(event)));
  }

  async start(context: AdapterContext): Promise<void> {
    await this.inner.start?.(context);
  }

  /** Waits for what is under way, also where the inner adapter has no `flush()`. */
  async flush(): Promise<void> {
    await this.#underWay.ended();
    await this.inner.flush?.();
  }

  /** Closes the inner adapter. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.end();
    return this.#closing;
  }

  /** What `close()` does, once. */
  protected async end(): Promise<void> {
    await this.inner.close?.();
  }

  /** Hands events on. @param _events those that `run` delivers */
  protected async deliver(_events: readonly MeshAuditEvent[], run: () => Promise<void>): Promise<void> {
    await run();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new MeshError('adapter_failed', `the adapter ${this.name} is closed`, { retryable: false });
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
function nameOf(adapter: ManagedAdapter): string {
  return typeof adapter.name === 'string' && adapter.name !== '' ? adapter.name : adapter.constructor?.name ?? 'adapter';
}
