import type { AuditEventType } from './audit-event.js';

/**
 * What is promised of an event, loudest first. `fail-closed`: what it tells of waits until a durable sink has it, and does not happen where
 * none takes it. `durable`: acknowledged once a durable sink or the spill has synced it; never evicted for a message. `best-effort`: may be
 * dropped where its lane is full, which leaves a gap record.
 */
export const DELIVERY_CONTRACTS = ['fail-closed', 'durable', 'best-effort'] as const;

/** One of {@link DELIVERY_CONTRACTS}. */
export type DeliveryContract = (typeof DELIVERY_CONTRACTS)[number];

/** The contract of each type of event where nothing else is said: `durable` for security events, `best-effort` for messages. */
export const DEFAULT_DELIVERY: Readonly<Record<AuditEventType, DeliveryContract>> = Object.freeze({
  connection: 'durable',
  message: 'best-effort',
  key_rotation: 'durable',
  rate_limit: 'durable',
  circuit_breaker: 'durable',
  error: 'durable',
  system: 'durable',
});
