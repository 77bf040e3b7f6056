import { escapeControls, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { cutText, printable } from './printable.js';

export type ConsoleLevel = 'debug' | 'info' | 'warn' | 'error';

/** How loud an event is: calls are for debugging, security events that failed are warnings, errors are errors. */
export function levelOf(event: MeshAuditEvent): ConsoleLevel {
  if (event.eventType === 'error') return 'error';
  if (event.eventType === 'message') return 'debug';
  return event.details.success ? 'info' : 'warn';
}

/** What happened, in one line for a person. Texts that are more than a word stand in quotes, so that none passes for another field. */
export function eventText(event: MeshAuditEvent): string {
  const { action, success, duration, messageCount, error, metadata } = event.details;
  const parts = [
    event.targetServiceId === undefined ? word(event.serviceId) : `${word(event.serviceId)} → ${word(event.targetServiceId)}`,
    success ? word(action) : `${word(action)} FAILED`,
  ];
  if (duration !== undefined) parts.push(`${Number(duration).toFixed(1)} ms`);
  if (messageCount !== undefined) parts.push(`${Number(messageCount)} messages`);
  if (error !== undefined) parts.push(quoted(error));
  if (metadata !== undefined) parts.push(escapeControls(JSON.stringify(printable(metadata))));
  return parts.join('  ');
}

/** {@link eventText} behind time and level. */
export function prettyLine(event: MeshAuditEvent, level: ConsoleLevel): string {
  return `${String(printable(event.timestamp))}  ${level.toUpperCase().padEnd(5)}  ${eventText(event)}`;
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
