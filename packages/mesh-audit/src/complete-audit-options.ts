import { AUDIT_EVENT_TYPES, MeshError, SafeLogger, stderrLogger, systemClock, type AuditEventType, type ManagedAdapter, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import type { AuditLoggerOptions, AuditSettings } from './audit-options.js';
import { completeContracts, impossibleContracts } from './delivery-contracts.js';
import { AUDIT_LEVELS, typePasses } from './event-filter.js';
import { completeSpillOptions } from './spill-options.js';
import { isSalt, MIN_SALT_BYTES } from './value-mac.js';

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

  const given = usable(options.adapters, problems);
  const adapters = given.filter(({ metricsOnly }) => metricsOnly !== true);
  const { events, level = 'metadata' } = options;
  if (Array.isArray(events)) {
    events.forEach((type: AuditEventType, index) => {
      if (!AUDIT_EVENT_TYPES.includes(type)) problems.push(`events[${index}]: must be one of ${AUDIT_EVENT_TYPES.join(', ')}, not '${String(type)}'`);
    });
  } else if (events !== undefined && typeof events !== 'function') problems.push('events: must be an array of event types or a function');
  if (!AUDIT_LEVELS.includes(level)) problems.push(`level: must be one of ${AUDIT_LEVELS.join(', ')}, not '${String(level)}'`);

  const enabled = options.enabled ?? true;
  const contracts = completeContracts(options.delivery ?? {}, problems);
  // What is switched off refuses nothing.
  if (enabled) problems.push(...impossibleContracts(contracts, adapters, (type) => typePasses(type, level, events)));

  const redact = options.redact ?? {};
  if (redact.hmac !== undefined && !isSalt(redact.hmac.salt)) problems.push(`redact.hmac.salt: must be at least ${MIN_SALT_BYTES} bytes`);
  whole('redact.maxStringLength', redact.maxStringLength, 1);
  whole('redact.maxDepth', redact.maxDepth, 1);
  whole('redact.maxEntries', redact.maxEntries, 1);

  const { onDeadLetter } = options;
  if (onDeadLetter !== undefined && typeof onDeadLetter !== 'function') problems.push('onDeadLetter: must be a function');
  const spill = completeSpillOptions(options, problems);
  const settings: AuditSettings = {
    adapters,
    readers: given.filter(({ metricsOnly }) => metricsOnly === true),
    observer: options.observer,
    enabled,
    serviceId: options.serviceId ?? options.context?.serviceId ?? 'unknown',
    clock: options.clock ?? options.context?.clock ?? systemClock,
    logger: new SafeLogger(options.logger ?? options.context?.logger ?? stderrLogger),
    events,
    level,
    contracts,
    redact,
    context: options.context ?? {},
    laneEvents: whole('laneEvents', options.laneEvents, 10_000),
    laneBytes: whole('laneBytes', options.laneBytes, 16 * 1_048_576),
    batch: whole('batch', options.batch, 500),
    deliveryTimeoutMs: whole('deliveryTimeoutMs', options.deliveryTimeoutMs, 10_000),
    attempts: whole('attempts', options.attempts, 8),
    retryDelayMs: whole('retryDelayMs', options.retryDelayMs, 200),
    flushMs: whole('flushMs', options.flushMs, 5_000),
    metricsIntervalMs: whole('metricsIntervalMs', options.metricsIntervalMs, 10_000),
    onDeadLetter,
    spill,
  };
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
  return Object.freeze(settings);
}

function usable(given: unknown, problems: string[]): readonly ManagedAdapter[] {
  if (!Array.isArray(given)) {
    problems.push('adapters: must be an array');
    return [];
  }
  given.forEach((adapter: Partial<MonitoringAdapter> | null | undefined, index) => {
    if (typeof adapter?.logEvent !== 'function') problems.push(`adapters[${index}]: must have a method logEvent(event)`);
  });
  return (given as readonly (ManagedAdapter | null | undefined)[]).filter((adapter) => adapter !== null && adapter !== undefined);
}
