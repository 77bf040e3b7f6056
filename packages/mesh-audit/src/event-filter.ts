import type { AuditEventType, MeshAuditEvent, ThrottledWarning } from '@lemur-bookstores/mesh-interface';
import { swallowRejection } from './swallow-rejection.js';

/** Which events adapters get: these types, or those a function says yes to. */
export type AuditEventFilter = readonly AuditEventType[] | ((event: MeshAuditEvent) => boolean);

/**
 * How much of what happens goes to the adapters. `security`: security events, no messages. `minimal`: messages too, without their
 * metadata. `metadata`: everything.
 */
export type AuditLevel = (typeof AUDIT_LEVELS)[number];

export const AUDIT_LEVELS = ['security', 'minimal', 'metadata'] as const;

/** Answers for an event whether adapters get it. */
export type EventTest = (event: MeshAuditEvent) => boolean;

/** A filter as one function that never throws. */
export function eventTest(filter: AuditEventFilter, warning: ThrottledWarning): EventTest {
  if (typeof filter === 'function') return carefulTest(filter, 'the audit event filter', warning);
  const types = new Set(filter);
  return (event) => types.has(event.eventType);
}

/** Level and filter as one test that never throws; `undefined` where everything passes. */
export function trailTest(level: AuditLevel, filter: AuditEventFilter | undefined, warning: ThrottledWarning): EventTest | undefined {
  const passes = filter === undefined ? undefined : eventTest(filter, warning);
  if (level !== 'security') return passes;
  return (event) => event.eventType !== 'message' && (passes === undefined || passes(event));
}

/** Whether events of a type can pass level and filter at all. */
export function typePasses(eventType: AuditEventType, level: AuditLevel, filter: AuditEventFilter | undefined): boolean {
  if (level === 'security' && eventType === 'message') return false;
  return !Array.isArray(filter) || filter.includes(eventType);
}

/**
 * A user's test made one that never throws. Where it does, or does not answer a boolean, the event passes: better one too many than one lost.
 * @param what how warnings name it
 */
export function carefulTest(test: EventTest, what: string, warning: ThrottledWarning): EventTest {
  return (event) => {
    let answer: unknown;
    try {
      answer = test(event);
    } catch (error) {
      warning.warn(`${what} threw: events pass unfiltered`, { error: error instanceof Error ? error.message : typeof error });
      return true;
    }
    if (typeof answer === 'boolean') return answer;
    // An async test: `record` cannot wait for its answer, which may also be a rejection.
    swallowRejection(answer);
    warning.warn(`${what} must answer true or false: events pass unfiltered`, { answer: answer === null ? 'null' : typeof answer });
    return true;
  };
}
