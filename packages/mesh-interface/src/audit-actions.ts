import type { AuditEventInput, AuditEventType } from './audit-event.js';

/**
 * Every action that the mesh's own parts emit, with the type of event it belongs to. `docs/audit-events.md` has an entry for each; tests keep
 * table, document and code equal. Names are a contract with whoever searches the trail: none is ever renamed.
 */
export const AUDIT_ACTIONS = {
  // Who was let in, and who was not
  'auth.succeeded': 'connection',
  'auth.failed': 'connection',
  'auth.denied': 'connection',
  'auth.revoked': 'connection',
  'connection.open': 'connection',
  'connection.close': 'connection',
  'connection.truncated': 'connection',
  'connection.refused': 'connection',
  'connection.failed': 'connection',
  // Calls
  'message.accepted': 'message',
  'message.sending': 'message',
  'message.sent': 'message',
  'message.received': 'message',
  'message.failed': 'message',
  // Keys: of sessions, and the own
  'key.activated': 'key_rotation',
  'key.rotated': 'key_rotation',
  'key.retired': 'key_rotation',
  'key.rotation_failed': 'key_rotation',
  'key.overdue': 'key_rotation',
  // A session that we ended because of what the peer did
  'session.failed': 'error',
  // Calls that were kept back
  'breaker.opened': 'circuit_breaker',
  'breaker.half_open': 'circuit_breaker',
  'breaker.closed': 'circuit_breaker',
  'rate.limited': 'rate_limit',
  // The mesh itself
  'system.start': 'system',
  'system.stop': 'system',
  'system.local_trust_domain': 'system',
  'system.rotation_asked': 'system',
  'system.admin_refused': 'system',
  'health.impaired': 'system',
  'health.recovered': 'system',
  'identity.changed': 'system',
  'identity.refused': 'system',
  'identity.ca_removed': 'system',
  // The trail itself
  'audit.start': 'system',
  'audit.stop': 'system',
  'audit.gap': 'system',
  'audit.sampled': 'system',
  'audit.checkpoint': 'system',
} as const satisfies Record<string, AuditEventType>;

/** One of {@link AUDIT_ACTIONS}. */
export type AuditAction = keyof typeof AUDIT_ACTIONS;

/** The actions that stand under a type of event; `never` for a type that no part of ours emits. */
export type AuditActionOf<Type extends AuditEventType> = { [Action in AuditAction]: (typeof AUDIT_ACTIONS)[Action] extends Type ? Action : never }[AuditAction];

/** An event as our own parts say it: an action outside {@link AUDIT_ACTIONS}, or under another type of event than there, does not compile. */
export type OwnAuditEvent = {
  [Type in AuditEventType]: AuditEventInput & { readonly eventType: Type; readonly details: { readonly action: AuditActionOf<Type> } };
}[AuditEventType];
