import { MeshError, type AuditAction, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** The audit log's signature over all that it has so far. */
export const CHECKPOINT = 'audit.checkpoint' satisfies AuditAction;

/** Beside what happens to keys: what says whether it was recorded at all, and in which state the audit log was. */
const KEPT: ReadonlySet<string> = new Set<AuditAction>(['audit.start', 'audit.stop', 'audit.gap', CHECKPOINT, 'system.start', 'system.stop', 'identity.changed', 'identity.refused']);

/** Whether an event goes into the ledger. */
export const isKept = (event: MeshAuditEvent): boolean => event?.eventType === 'key_rotation' || (event?.eventType === 'system' && KEPT.has(event.details?.action));

/** Those of the events that go into the ledger. @throws MeshError `log_record_invalid` where one is no event */
export function keptEvents(events: readonly MeshAuditEvent[]): readonly MeshAuditEvent[] {
  for (const event of events as readonly (Partial<MeshAuditEvent> | null | undefined)[]) {
    if (typeof event?.id !== 'string' || typeof event.serviceId !== 'string' || typeof event.details?.action !== 'string') {
      throw new MeshError('log_record_invalid', 'what has no id, no serviceId or no action is no audit event');
    }
  }
  return events.every(isKept) ? events : events.filter(isKept);
}
