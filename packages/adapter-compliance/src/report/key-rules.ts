import type { KeyEvent } from './key-event.js';
import { timeSpan } from './time-span.js';

/** A change takes a round trip, and may take a second try. */
const LEAST_TOLERANCE_MS = 60_000;
const TOLERANCE = 0.1;
/** At the hard limit a timer fires, and a timer may be late. */
const TIMER_MS = 1000;
/** Of a session's key each direction has its own limits, and is stopped at four times what a change is begun at; what is recorded is the sum of both (PROTOCOL 3.10). */
const HARD_VOLUME = 2 * 4;
/** Control records pass beyond it. */
const CONTROL_RECORDS = 2 * 16;

type Policy = KeyEvent['policy'];

/** How findings are made, for the reader of a report. */
export const RULES: readonly string[] = [
  'Overdue: a service said so, or a key was older than its cryptoperiod (interval) by more than a tenth of it and more than a minute: at its end, at the last that was seen of it, or at the end of the period.',
  'Beyond hard limit: a key was still there when it was older than its hard limit by more than a second, or had protected more than twice (there are two directions) four times its volume. From its hard limit on a session key protects nothing more; that it was still there means that its change did not come.',
  'Change failed: a service tried to change a key and could not; the key stayed in use.',
  'Ages of retired keys are by the monotonic clock of their process, all others by the clock of their host.',
];

/** How long the change of a key of this age is late, in ms, where it is. */
export function lateness(ageMs: number, { intervalMs }: Policy): number | undefined {
  if (intervalMs === undefined || ageMs <= intervalMs + Math.max(LEAST_TOLERANCE_MS, intervalMs * TOLERANCE)) return undefined;
  return ageMs - intervalMs;
}

/** Which hard limit a key went beyond, in words. */
export function beyondHardLimit(ageMs: number, volume: { readonly records?: number; readonly bytes?: number }, { rejectAfterMs, maxRecords, maxBytes }: Policy): string | undefined {
  if (rejectAfterMs !== undefined && ageMs > rejectAfterMs + TIMER_MS) return `it was there for ${timeSpan(ageMs)}, its hard limit was ${timeSpan(rejectAfterMs)}`;
  if (maxRecords !== undefined && (volume.records ?? 0) > HARD_VOLUME * maxRecords + CONTROL_RECORDS) return `it protected ${volume.records} records, to be changed after ${maxRecords}`;
  if (maxBytes !== undefined && (volume.bytes ?? 0) > HARD_VOLUME * maxBytes) return `it protected ${volume.bytes} bytes, to be changed after ${maxBytes}`;
  return undefined;
}
