import { escapeControls, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { cutText, printable } from './printable.js';
import { trailText } from './trail-text.js';

export type ConsoleLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * How loud an event is: calls are for debugging, security events that failed are warnings, errors are errors.
 * @param forPerson checkpoints, up to one a second, are then for debugging too; for what collects lines they are not
 */
export function levelOf(event: MeshAuditEvent, forPerson: boolean): ConsoleLevel {
  if (event.eventType === 'error') return 'error';
  if (event.eventType === 'message') return 'debug';
  if (!event.details.success) return 'warn';
  return forPerson && event.eventType === 'system' && event.details.action === 'audit.checkpoint' ? 'debug' : 'info';
}

/** The parts of a line for a person: whose event, what happened, and more. Texts that are more than a word stand in quotes, so that none passes for another field. */
export interface EventParts {
  readonly who: string;
  readonly what: string;
  /** Whether `what` is followed by a mark that says so. */
  readonly failed: boolean;
  readonly more: readonly string[];
}

export function eventParts(event: MeshAuditEvent): EventParts {
  const { action, success, duration, messageCount, error, metadata } = event.details;
  const more: string[] = [];
  if (duration !== undefined) more.push(`${Number(duration).toFixed(1)} ms`);
  if (messageCount !== undefined) more.push(`${Number(messageCount)} ${event.eventType === 'message' ? 'messages' : 'times'}`);
  const trail = trailText(event);
  if (trail !== undefined) more.push(trail);
  if (error !== undefined) more.push(quoted(error));
  if (metadata !== undefined && trail === undefined) more.push(escapeControls(JSON.stringify(printable(metadata))));
  return {
    who: event.targetServiceId === undefined ? word(event.serviceId) : `${word(event.serviceId)} → ${word(event.targetServiceId)}`,
    what: word(action),
    // The trail's own words say what is wrong.
    failed: !success && trail === undefined,
    more,
  };
}

/** What happened, in one line for a person. */
export function eventText(event: MeshAuditEvent): string {
  const { who, what, failed, more } = eventParts(event);
  return [who, failed ? `${what} FAILED` : what, ...more].join('  ');
}

/** The whole event as one JSON object in one line, `level` first; it parses back to what it was. */
export function jsonLine(event: MeshAuditEvent, level: ConsoleLevel): string {
  return escapeControls(JSON.stringify(printable({ level, ...event })));
}

/** The event with every text safe to print, for a logger that formats it in its own way. */
export function safeEvent(event: MeshAuditEvent): unknown {
  return printable(event, escapeControls);
}

const quoted = (text: string): string => escapeControls(JSON.stringify(cutText(String(text))));

/** Ids and actions as they are, unless they are not what they should be. */
const word = (text: string): string => (/^[\w.:/@+-]{1,512}$/.test(text) ? text : quoted(text));
