import {
  AUDIT_EVENT_TYPES,
  MeshError,
  stderrLogger,
  systemClock,
  type AdapterContext,
  type AuditEventType,
  type Clock,
  type Logger,
  type ManagedAdapter,
  type MonitoringAdapter,
} from '@lemur-bookstores/mesh-interface';
import type { AuditEventFilter } from './event-filter.js';
import type { LaneSettings } from './lane-settings.js';
import type { RedactionOptions } from './redaction.js';
import { SafeLogger } from './safe-logger.js';

/** Options of the audit logger. Bounds are per adapter. */
export interface AuditLoggerOptions {
  /** Where events go. None: the logger does nothing at all. */
  readonly adapters: readonly MonitoringAdapter[];
  /** `false` switches audit off, at no cost. Default true. */
  readonly enabled?: boolean | undefined;
  /** The service that events are of. Default: the context's, else `unknown`. */
  readonly serviceId?: string | undefined;
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined;
  /** Operational log for trouble with adapters. Default: warnings to stderr. */
  readonly logger?: Logger | undefined;
  /** Which events adapters get. Default: all. Those kept back count as `filtered`. */
  readonly events?: AuditEventFilter | undefined;
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
  /** Deliveries tried for the same events before they are given up. Default 8. */
  readonly attempts?: number | undefined;
  /** Wait before the first retry, in ms; it doubles with each, up to 30 s, give or take 20 %. Default 200. */
  readonly retryDelayMs?: number | undefined;
  /** How long `flush()` and `close()` wait for what is queued, in ms. Default 5,000. */
  readonly flushMs?: number | undefined;
}

/** Complete options. */
export interface AuditSettings extends LaneSettings {
  readonly adapters: readonly ManagedAdapter[];
  readonly enabled: boolean;
  readonly serviceId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: AuditEventFilter | undefined;
  readonly redact: RedactionOptions;
  readonly context: Partial<AdapterContext>;
  readonly flushMs: number;
}

/**
 * Fills in the defaults.
 * @throws MeshError `invalid_option` that names every problem by its option's path, also in `details.problems`
 */
export function completeAuditOptions(options: AuditLoggerOptions): AuditSettings {
  const problems: string[] = [];
  const whole = (path: string, value: number | undefined, byDefault: number): number => {
    const given = value ?? byDefault;
    if (!Number.isSafeInteger(given) || given < 1) problems.push(`${path}: must be a whole number of at least 1, not ${String(given)}`);
    return given;
  };

  const adapters: unknown = options.adapters;
  if (!Array.isArray(adapters)) problems.push('adapters: must be an array');
  else {
    adapters.forEach((adapter: Partial<MonitoringAdapter> | null | undefined, index) => {
      if (typeof adapter?.logEvent !== 'function') problems.push(`adapters[${index}]: must have a method logEvent(event)`);
    });
  }
  const { events } = options;
  if (Array.isArray(events)) {
    events.forEach((type: AuditEventType, index) => {
      if (!AUDIT_EVENT_TYPES.includes(type)) problems.push(`events[${index}]: must be one of ${AUDIT_EVENT_TYPES.join(', ')}, not '${String(type)}'`);
    });
  } else if (events !== undefined && typeof events !== 'function') problems.push('events: must be an array of event types or a function');

  const redact = options.redact ?? {};
  whole('redact.maxStringLength', redact.maxStringLength, 1);
  whole('redact.maxDepth', redact.maxDepth, 1);
  whole('redact.maxEntries', redact.maxEntries, 1);

  const settings: AuditSettings = {
    adapters: options.adapters,
    enabled: options.enabled ?? true,
    serviceId: options.serviceId ?? options.context?.serviceId ?? 'unknown',
    clock: options.clock ?? options.context?.clock ?? systemClock,
    logger: new SafeLogger(options.logger ?? options.context?.logger ?? stderrLogger),
    events,
    redact,
    context: options.context ?? {},
    laneEvents: whole('laneEvents', options.laneEvents, 10_000),
    laneBytes: whole('laneBytes', options.laneBytes, 16 * 1_048_576),
    batch: whole('batch', options.batch, 500),
    deliveryTimeoutMs: whole('deliveryTimeoutMs', options.deliveryTimeoutMs, 10_000),
    attempts: whole('attempts', options.attempts, 8),
    retryDelayMs: whole('retryDelayMs', options.retryDelayMs, 200),
    flushMs: whole('flushMs', options.flushMs, 5_000),
  };
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
  return Object.freeze(settings);
}
