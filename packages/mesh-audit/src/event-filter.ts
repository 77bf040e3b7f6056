import type { AuditEventType, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { swallowRejection } from './swallow-rejection.js';
import type { ThrottledWarning } from './throttled-warning.js';

/** Which events adapters get: these types, or those a function says yes to. */
export type AuditEventFilter = readonly AuditEventType[] | ((event: MeshAuditEvent) => boolean);

/** Answers for an event whether adapters get it. */
export type EventTest = (event: MeshAuditEvent) => boolean;

/** A filter as one function that never throws. Where the user's does, or does not answer a boolean, the event passes: better one too many than one lost. */
export function eventTest(filter: AuditEventFilter | undefined, warning: ThrottledWarning): EventTest {
  if (filter === undefined) return () => true;
  if (typeof filter !== 'function') {
    const types = new Set(filter);
    return (event) => types.has(event.eventType);
  }
  return (event) => {
    let answer: unknown;
    try {
      answer = filter(event);
    } catch (error) {
      warning.warn('the audit event filter threw: events pass unfiltered', { error: error instanceof Error ? error.message : typeof error });
      return true;
    }
    if (typeof answer === 'boolean') return answer;
    // An async filter: `record` cannot wait for its answer, which may also be a rejection.
    swallowRejection(answer);
    warning.warn('the audit event filter must answer true or false: events pass unfiltered', { answer: answer === null ? 'null' : typeof answer });
    return true;
  };
}
