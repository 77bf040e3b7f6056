import type { AuditEventDetails, AuditEventType, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

let sequence = 0;

/** An event as a mesh hands it out, with another id and number each time. */
export function auditEvent(eventType: AuditEventType, details: Partial<AuditEventDetails> & { readonly action: string }, more: Partial<MeshAuditEvent> = {}): MeshAuditEvent {
  sequence++;
  const id = `0194aaaa-0000-7000-8000-${sequence.toString(16).padStart(12, '0')}`;
  return Object.freeze({ id, sequence, timestamp: new Date('2026-01-01T00:00:00.000Z'), eventType, serviceId: 'orders', ...more, details: Object.freeze({ success: false, ...details }) });
}

export const errorEvent = (more: Partial<MeshAuditEvent> = {}, messageCount?: number): MeshAuditEvent =>
  auditEvent('error', { action: 'session.failed', error: 'record_invalid: a record was altered', metadata: { direction: 'inbound', reason: 'record_invalid' }, ...(messageCount === undefined ? {} : { messageCount }) }, { targetServiceId: 'payments', ...more });

const breaker = (action: string, success: boolean) => (targetServiceId = 'payments', endpoint = '10.1.7.9:50051', more: Partial<MeshAuditEvent> = {}): MeshAuditEvent =>
  auditEvent('circuit_breaker', { action, success, ...(success ? {} : { error: 'circuit_open: 5 calls failed, the last with connect_failed' }), metadata: { direction: 'outbound', endpoint } }, { targetServiceId, ...more });

export const breakerOpened = breaker('breaker.opened', false);
export const breakerHalfOpen = breaker('breaker.half_open', true);
export const breakerClosed = breaker('breaker.closed', true);

export const rateLimited = (targetServiceId: string | undefined = 'billing', messageCount = 1): MeshAuditEvent =>
  auditEvent('rate_limit', { action: 'rate.limited', messageCount, error: 'rate_limited: more than 100 calls in 1000 ms', metadata: { direction: 'inbound', method: '*', maxRequests: 100, windowMs: 1_000 } }, { targetServiceId });

const KEY = '5d41402abc4b2a76b9719d911017c592';
const KEY_AFTER = '7d793037a0760186574b0282f2f435e7';
const key = (action: string, success: boolean) => (keyType: string, targetServiceId?: string): MeshAuditEvent =>
  auditEvent('key_rotation', { action, success, ...(success ? {} : { error: 'key_expired: it was not changed' }), metadata: { keyType, algorithm: 'X25519', ...(success ? { keyId: KEY_AFTER, previousKeyId: KEY } : { keyId: KEY }) } }, targetServiceId === undefined ? {} : { targetServiceId });

export const rotationFailed = key('key.rotation_failed', false);
export const keyOverdue = key('key.overdue', false);
export const keyRotated = key('key.rotated', true);

export const keyRetired = (keyType: string, targetServiceId?: string, keyId = KEY): MeshAuditEvent =>
  auditEvent('key_rotation', { action: 'key.retired', success: true, metadata: { keyType, keyId } }, targetServiceId === undefined ? {} : { targetServiceId });

export const auditGap = (count = 17): MeshAuditEvent =>
  auditEvent('system', { action: 'audit.gap', error: 'queue_full: events were dropped because the adapter did not keep up', metadata: { count, fromSequence: 5_021, toSequence: 5_037 } });

export const auditStart = (more: Partial<MeshAuditEvent> = {}): MeshAuditEvent => auditEvent('system', { action: 'audit.start', success: true }, more);

export const healthImpaired = (status: 'degraded' | 'unhealthy', check = '*'): MeshAuditEvent =>
  auditEvent('system', { action: 'health.impaired', error: `unhealthy: ${check === '*' ? 'database, queue' : 'connection refused'}`, metadata: { check, status, previous: 'healthy' } });

export const healthRecovered = (check = '*'): MeshAuditEvent => auditEvent('system', { action: 'health.recovered', success: true, metadata: { check, status: 'healthy', previous: 'unhealthy' } });

/** One that no rule is about. */
export const messageSent = (): MeshAuditEvent => auditEvent('message', { action: 'message.sent', success: true, metadata: { method: 'charge' } });
