import { InvalidArgumentError } from 'commander';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DURATION = /^(\d{1,9})(s|m|h|d|w)$/;
const DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?) ?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** A span of time in ms: `90s`, `15m`, `2h`, `7d`, `2w`. @throws InvalidArgumentError */
export function parseDuration(text: string): number {
  const duration = durationOf(text);
  if (duration === undefined) throw new InvalidArgumentError('Give a number and s, m, h, d or w: 15m, 7d.');
  return duration;
}

/**
 * A moment: an ISO 8601 date, with or without a time (UTC unless it has a zone), or how long ago.
 * @param now ms since 1970
 * @throws InvalidArgumentError
 */
export function parseTime(text: string, now: number): Date {
  const duration = durationOf(text);
  const moment = duration === undefined ? dateOf(text) : new Date(now - duration);
  if (moment === undefined) throw new InvalidArgumentError('Give a date (2026-01-31, 2026-01-31T12:00, 2026-01-31T12:00:00+02:00; UTC unless it says) or how long ago (15m, 2h, 7d).');
  return moment;
}

function durationOf(text: string): number | undefined {
  const [, digits, unit] = DURATION.exec(text) ?? [];
  return digits === undefined || unit === undefined ? undefined : Number(digits) * (UNIT_MS[unit] as number);
}

function dateOf(text: string): Date | undefined {
  const [, day, time = '00:00', zone = 'Z'] = DATE.exec(text) ?? [];
  // February 31st would be taken for March 3rd.
  if (day === undefined || Number.isNaN(Date.parse(day)) || new Date(day).toISOString().slice(0, 10) !== day) return undefined;
  const moment = new Date(`${day}T${time}${zone}`);
  return Number.isNaN(moment.getTime()) ? undefined : moment;
}
