import type { KeyAction, KeyPolicy, KeyRotationMetadata, MeshAuditEvent, RetiredKey } from '@lemur-bookstores/mesh-interface';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

let sequence = 0;

/** Any event, frozen and numbered. */
export function eventOf(at: number, more: Partial<MeshAuditEvent> & Pick<MeshAuditEvent, 'details'>): MeshAuditEvent {
  sequence += 1;
  return Object.freeze({
    id: `01890a5d-ac96-774b-bcce-${String(sequence).padStart(12, '0')}`,
    sequence,
    timestamp: new Date(at),
    eventType: 'system' as const,
    serviceId: 'order-service',
    ...more,
  });
}

/** One that tells of the trail. */
export const systemEvent = (at: number, action: string, metadata?: object, more: Partial<MeshAuditEvent> = {}): MeshAuditEvent =>
  eventOf(at, { details: { action, success: action !== 'audit.gap', ...(metadata !== undefined && { metadata: { ...metadata } }) }, ...more });

export const SESSION_POLICY: KeyPolicy = { intervalMs: DAY, rejectAfterMs: 2 * DAY, maxRecords: 1_048_576, maxBytes: 17_179_869_184, source: 'option' };
export const CERTIFICATE_POLICY: KeyPolicy = { intervalMs: 18 * DAY, rejectAfterMs: 30 * DAY, source: 'certificate' };

/** Static keys are changed by hand, or for cause. */
export const STATIC_POLICY: KeyPolicy = { intervalMs: 90 * DAY, source: 'default' };

const POLICIES = { session: SESSION_POLICY, static: STATIC_POLICY, certificate: CERTIFICATE_POLICY } as const;
const ALGORITHMS = { session: 'AES-256-GCM', static: 'X25519', certificate: 'Ed25519' } as const;

/** One that tells of a key. What is `undefined` in the metadata is left out. */
export function keyEvent(
  at: number,
  action: KeyAction,
  { error, ...metadata }: Partial<KeyRotationMetadata> & Pick<KeyRotationMetadata, 'keyId'> & { readonly error?: string },
  more: Partial<MeshAuditEvent> = {},
): MeshAuditEvent {
  const keyType = metadata.keyType ?? 'session';
  const whole: KeyRotationMetadata = { keyType, algorithm: ALGORITHMS[keyType], trigger: 'interval', policy: POLICIES[keyType], ...metadata };
  const success = action !== 'key.rotation_failed' && action !== 'key.overdue';
  return eventOf(at, { eventType: 'key_rotation', details: { action, success, ...(error !== undefined && { error }), metadata: whole }, ...more });
}

export const retiredKey = (activatedAt: number, at: number, more: Partial<RetiredKey> = {}): RetiredKey => ({
  activatedAt: new Date(activatedAt).toISOString(), ageMs: at - activatedAt, records: 1000, bytes: 65_536, destroyed: true, ...more,
});
