import type { AuditEventType, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { ThrottledWarning } from './throttled-warning.js';

/** Which events adapters get: these types, or those a function says yes to. */
export type AuditEventFilter = readonly AuditEventType[] | ((event: MeshAuditEvent) => boolean);

/** Answers for an event whether adapters get it. */
export type EventTest = (event: MeshAuditEvent) => boolean;

/** A filter as one function that never throws. Where the user's does, the event passes: better one too many than one lost. */
export function eventTest(filter: AuditEventFilter | undefined, warning: ThrottledWarning): EventTest {
  if (filter === undefined) return () => true;
  if (typeof filter !== 'function') {
    const types = new Set(filter);
    return (event) => types.has(event.eventType);
  }
  return (event) => {
    try {
      return filter(event);
    } catch (error) {
      warning.warn('the audit event filter threw: events pass unfiltered', { error: error instanceof Error ? error.message : typeof error });
      return true;
    }
  };
}
