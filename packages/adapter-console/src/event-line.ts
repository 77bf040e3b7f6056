import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { escapeControls } from './escape-controls.js';

export type ConsoleLevel = 'debug' | 'info' | 'warn' | 'error';

/** How loud an event is: calls are for debugging, what failed is a warning, errors are errors. */
export function levelOf(event: MeshAuditEvent): ConsoleLevel {
  if (event.eventType === 'error') return 'error';
  if (event.eventType === 'message') return 'debug';
  return event.details.success ? 'info' : 'warn';
}

/** One line for a person. */
export function prettyLine(event: MeshAuditEvent, level: ConsoleLevel): string {
  const { action, success, duration, error, metadata } = event.details;
  const parts = [
    event.timestamp.toISOString(),
    level.toUpperCase().padEnd(5),
    event.targetServiceId === undefined ? event.serviceId : `${event.serviceId} → ${event.targetServiceId}`,
    success ? action : `${action} FAILED`,
    ...(duration === undefined ? [] : [`${duration.toFixed(1)} ms`]),
    ...(error === undefined ? [] : [error]),
    ...(metadata === undefined ? [] : [safeJson(metadata)]),
  ];
  return parts.map((part) => escapeControls(part)).join('  ');
}

/** One JSON object in one line. */
export function jsonLine(event: MeshAuditEvent, level: ConsoleLevel): string {
  return escapeInsideJson(JSON.stringify({ level, ...event }, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)));
}

/** JSON escapes C0 itself; the other controls get the same form, which every parser reads back. */
const escapeInsideJson = (text: string): string => escapeControls(text, Infinity).replace(/\\u\{([0-9a-f]+)\}/g, (_match, hex: string) => surrogates(parseInt(hex, 16)));

const surrogates = (code: number): string =>
  [...String.fromCodePoint(code).split('')].map((unit) => `\\u${unit.charCodeAt(0).toString(16)}`).join('');

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner));
  } catch {
    return '[unprintable]';
  }
}
