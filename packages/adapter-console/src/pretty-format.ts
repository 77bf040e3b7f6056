import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { eventParts, type ConsoleLevel } from './event-line.js';
import { printable } from './printable.js';

/** How a line for a person looks. */
export interface PrettyStyle {
  readonly color: boolean;
  /** In local time, as on the wall beside the terminal; else UTC, as lines of several machines want it. */
  readonly localTime: boolean;
}

/** Widths from which on a column pushes the next one aside. */
const WHO_WIDTH = 32;
const WHAT_WIDTH = 20;

/** SGR codes (ECMA-48 8.3.117): the only control characters that ever leave here, and none comes out of an event. */
const SGR = { bold: 1, dim: 2, red: 31, yellow: 33, green: 32 } as const;
type Style = keyof typeof SGR;

const STYLE_OF_LEVEL: Readonly<Record<ConsoleLevel, Style>> = { error: 'red', warn: 'yellow', info: 'green', debug: 'dim' };

/** Time, level, who, what, and more, in columns. */
export function prettyLine(event: MeshAuditEvent, level: ConsoleLevel, { color, localTime }: PrettyStyle): string {
  const paint = (text: string, style: Style): string => (color ? `\u001b[${SGR[style]}m${text}\u001b[0m` : text);
  const { who, what, failed, more } = eventParts(event);
  const time = localTime ? localTimeOf(event.timestamp) : String(printable(event.timestamp));
  // Padded outside of the colors: escapes have a length, but no width.
  const gap = (text: string, width: number): string => (more.length === 0 ? '' : ' '.repeat(Math.max(0, width - text.length)));
  const whatText = failed ? `${paint(what, 'bold')} ${paint('FAILED', STYLE_OF_LEVEL[level])}` : paint(what, 'bold');
  const columns = [
    paint(time, 'dim'),
    paint(level.toUpperCase(), STYLE_OF_LEVEL[level]) + ' '.repeat(5 - level.length),
    who + ' '.repeat(Math.max(0, WHO_WIDTH - who.length)),
    whatText + gap(failed ? `${what} FAILED` : what, WHAT_WIDTH),
    ...more,
  ];
  return columns.join('  ');
}

/** On a terminal, unless its user or its kind says no (https://no-color.org). */
export function styleFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv, color: boolean | undefined): PrettyStyle {
  const isTerminal = stream.isTTY === true;
  const isWanted = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return { color: color ?? (isTerminal && isWanted), localTime: isTerminal };
}

function localTimeOf(time: Date): string {
  if (!(time instanceof Date) || Number.isNaN(time.getTime())) return String(printable(time));
  const digits = (value: number, count = 2): string => String(value).padStart(count, '0');
  const day = `${digits(time.getFullYear(), 4)}-${digits(time.getMonth() + 1)}-${digits(time.getDate())}`;
  return `${day} ${digits(time.getHours())}:${digits(time.getMinutes())}:${digits(time.getSeconds())}.${digits(time.getMilliseconds(), 3)}`;
}
