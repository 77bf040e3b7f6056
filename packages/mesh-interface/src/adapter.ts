import type { AuditEventInput, MeshAuditEvent } from './audit-event.js';
import type { Clock } from './clock.js';
import type { Logger } from './logger.js';
import type { MetricsSnapshot } from './metrics.js';

/** The whole contract of an audit adapter. */
export interface MonitoringAdapter {
  /**
   * Resolves when the sink has the event. Throws `MeshError` with `retryable` and `retryAfterMs`; a plain Error counts as
   * retryable. The event is frozen.
   */
  logEvent(event: MeshAuditEvent): Promise<void>;
}

/** Folders of this mesh. An adapter that writes files stays inside them or inside a folder of its own options. */
export interface MeshPaths {
  readonly keysDir: string;
  readonly logsDir: string;
  readonly runtimeDir: string;
}

/** What an adapter gets of the mesh: the narrowest that does. */
export interface AdapterContext {
  readonly serviceId: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly paths: MeshPaths;
  metrics(): MetricsSnapshot;
  /** Records an event of the adapter's own for all other adapters of the mesh; it never comes back to this one. Synchronous, never throws. */
  emit(event: AuditEventInput): void;
}

/**
 * The optional members of an adapter, found at run time. An adapter works without `start()`; left unclosed it loses nothing
 * acknowledged and keeps no process alive.
 */
export interface ManagedAdapter extends MonitoringAdapter {
  readonly name?: string;
  /**
   * Whether an event that it took outlives this process and a loss of power: what `fail-closed` and `durable` events wait for. Default false.
   * A wrapping adapter answers for its inner one.
   */
  readonly durable?: boolean;
  /**
   * It reads metrics and wants no events: it is started and closed as any other, also where audit is switched off, and no event is made for it. Default false.
   */
  readonly metricsOnly?: boolean;
  /** It may tell another adapter something at its own end, and is closed before the others for it. Default false. */
  readonly closesFirst?: boolean;
  /**
   * Whether it keeps this event at all: those it does not are never delivered to it, count as `filtered`, and fulfil no contract. Synchronous, and
   * the same answer each time it is asked of the same event. Default: it keeps all.
   */
  accepts?(event: MeshAuditEvent): boolean;
  /** Preferred over `logEvent` where present. All or nothing: a rejection means that none of the events counts as taken. */
  logEvents?(events: readonly MeshAuditEvent[], options: { readonly signal: AbortSignal }): Promise<void>;
  logMetrics?(metrics: MetricsSnapshot): Promise<void>;
  start?(context: AdapterContext): Promise<void>;
  flush?(): Promise<void>;
  close?(): Promise<void>;
}
