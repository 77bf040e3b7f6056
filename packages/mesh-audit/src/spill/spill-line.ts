import { crc32 } from 'node:zlib';
import type { Clock, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { StampedEvent } from '../event-stamper.js';

/** `<crc32 of the rest, 8 hex digits> <kind> <event in JSON>` and a newline, which JSON never has inside. */
export type SpillLineKind = StampedEvent['kind'];

const KIND_LETTERS = { event: 'e', gap: 'g' } as const satisfies Record<SpillLineKind, string>;
const KINDS: Readonly<Record<number, SpillLineKind>> = { ['e'.charCodeAt(0)]: 'event', ['g'.charCodeAt(0)]: 'gap' };
/** The digits and the space behind them. */
const CHECK_BYTES = 9;
/** In front of the JSON. */
const PREFIX_BYTES = CHECK_BYTES + 2;

/** Never throws: an event that is no JSON (its emitter broke the types) is written as what can be said of it. */
export function spillLineJson({ event }: StampedEvent): string {
  try {
    return JSON.stringify(event);
  } catch {
    const { id, sequence, timestamp, eventType, serviceId, details } = event;
    return JSON.stringify({ id, sequence, timestamp, eventType: String(eventType), serviceId, details: { action: details.action, success: false, error: 'unreadable' } });
  }
}

export function encodeSpillLine(entry: StampedEvent): string {
  const checked = `${KIND_LETTERS[entry.kind]} ${spillLineJson(entry)}`;
  return `${crc32(checked).toString(16).padStart(8, '0')} ${checked}\n`;
}

/** Whether a line, without its newline, is what was written. @returns `undefined` where it is damaged */
export function checkSpillLine(line: Buffer): SpillLineKind | undefined {
  if (line.length < PREFIX_BYTES) return undefined;
  const kind = KINDS[line[CHECK_BYTES]!];
  if (kind === undefined || line.toString('latin1', 0, CHECK_BYTES - 1) !== crc32(line.subarray(CHECK_BYTES)).toString(16).padStart(8, '0')) return undefined;
  return kind;
}

/** Reads a line back, without its newline. @returns `undefined` where it is damaged */
export function decodeSpillLine(line: Buffer, clock: Clock): StampedEvent | undefined {
  const kind = checkSpillLine(line);
  const event = kind === undefined ? undefined : parse(line.toString('utf8', PREFIX_BYTES));
  if (kind === undefined || event === undefined) return undefined;
  // Nothing on disk is dropped for anything else, and nobody waits for it any more.
  return { event, nowMs: event.timestamp.getTime(), at: clock.monotonic(), bytes: line.length, kind, contract: 'durable', acknowledgement: undefined };
}

function parse(json: string): MeshAuditEvent | undefined {
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isRecord(data)) return undefined;
  const { id, sequence, timestamp, eventType, serviceId, details } = data;
  const fits =
    typeof id === 'string' && Number.isSafeInteger(sequence) && typeof timestamp === 'string' && typeof eventType === 'string' && typeof serviceId === 'string' &&
    isRecord(details) && typeof details['action'] === 'string';
  if (!fits) return undefined;
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return undefined;
  deepFreeze(data);
  return Object.freeze({ ...data, timestamp: date }) as unknown as MeshAuditEvent;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Metadata has a bounded depth; so has this. */
function deepFreeze(value: object): void {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner as object);
  Object.freeze(value);
}
