import type { AdapterContext, Clock, Logger, ManagedAdapter, MeshAuditEvent, MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import type { FileSystem } from '@lemur-bookstores/mesh-log';
import type { DeadLetterListener } from './dead-letters.js';
import type { DeliveryContracts, DeliveryOptions } from './delivery-contracts.js';
import type { AuditEventFilter, AuditLevel } from './event-filter.js';
import type { LaneSettings } from './lane-settings.js';
import type { RedactionOptions } from './redaction.js';
import type { ClaimLock } from './spill/spill-home.js';

/** Options of the audit logger. Bounds are per adapter. */
export interface AuditLoggerOptions {
  /** Where events go. None: the logger does nothing at all. */
  readonly adapters: readonly MonitoringAdapter[];
  /**
   * Sees each event that adapters get, at once, frozen and redacted; it is none of them, and fulfils no contract. With one, events are made also where there is no
   * adapter. It must not throw, nor keep the caller.
   */
  readonly observer?: ((event: MeshAuditEvent) => void) | undefined;
  /** `false` switches audit off, at no cost; metrics are given on. Default true. */
  readonly enabled?: boolean | undefined;
  /** The service that events are of. Default: the context's, else `unknown`. */
  readonly serviceId?: string | undefined;
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined;
  /** Operational log for trouble with adapters. Default: warnings to stderr. */
  readonly logger?: Logger | undefined;
  /** Which events adapters get. Default: all. Those kept back count as `filtered`. */
  readonly events?: AuditEventFilter | undefined;
  /** How much adapters get: no messages (`security`), messages without metadata (`minimal`), or everything (`metadata`). Default `metadata`. */
  readonly level?: AuditLevel | undefined;
  /** What is promised of each type of event. Default: `durable` for security events, `best-effort` for messages. */
  readonly delivery?: DeliveryOptions | undefined;
  /** What cannot be delivered soon goes to disk. Default: none; it waits in memory and is lost with the process. */
  readonly spill?: boolean | SpillOptions | undefined;
  /** Told of events that an adapter will never get. What it throws is a warning. Default: they are counted and said, and nothing more. */
  readonly onDeadLetter?: DeadLetterListener | undefined;
  /** What is masked in metadata, besides the built-in names. */
  readonly redact?: RedactionOptions | undefined;
  /** What adapters get at `start()`, as far as it is known already. */
  readonly context?: Partial<AdapterContext> | undefined;
  /** Events that a lane holds at most, those in flight included. Default 10,000. */
  readonly laneEvents?: number | undefined;
  /** Bytes that a lane holds at most, estimated. Default 16 MiB. */
  readonly laneBytes?: number | undefined;
  /** Events per delivery. Default 500. */
  readonly batch?: number | undefined;
  /** How long an adapter may take for a delivery, or to start, flush or close, in ms. Default 10,000. */
  readonly deliveryTimeoutMs?: number | undefined;
  /** Deliveries tried for the same events before they are given up. Default 8; with a spill they are tried for ever. */
  readonly attempts?: number | undefined;
  /** Wait before the first retry, in ms; it doubles with each, up to 30 s, give or take 20 %. Default 200. */
  readonly retryDelayMs?: number | undefined;
  /** How often adapters that have `logMetrics` get a snapshot, in ms; also where `enabled` is false. Default 10,000. */
  readonly metricsIntervalMs?: number | undefined;
  /** How long `flush()` and `close()` wait for what is queued, in ms. Default 5,000. */
  readonly flushMs?: number | undefined;
}

/** The spill: a file on disk for each adapter that takes what cannot be delivered soon, survives a restart, and is delivered later, in order. */
export interface SpillOptions {
  /** The folder for it. Default: `<context.paths.logsDir>/spill/<serviceId>`. */
  readonly directory?: string | undefined;
  /** Bytes on disk that each adapter's spill may take, at least 65,536. Default 1 GiB. */
  readonly maxBytes?: number | undefined;
  /** Default: the machine's. Tests put a simulated disk in its place. */
  readonly fileSystem?: FileSystem | undefined;
  /** How a folder is claimed for one process. Default: `claimWriterLock` of mesh-log. */
  readonly claimLock?: ClaimLock | undefined;
}

/** Complete options. */
export interface AuditSettings extends LaneSettings {
  /** Those that take events. */
  readonly adapters: readonly ManagedAdapter[];
  /** Those that only read metrics. */
  readonly readers: readonly ManagedAdapter[];
  readonly observer: ((event: MeshAuditEvent) => void) | undefined;
  readonly enabled: boolean;
  readonly serviceId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: AuditEventFilter | undefined;
  readonly level: AuditLevel;
  readonly contracts: DeliveryContracts;
  readonly redact: RedactionOptions;
  readonly context: Partial<AdapterContext>;
}
