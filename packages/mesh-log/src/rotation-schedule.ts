/** When the next segment begins: at midnight, at the full hour, or by size. */
export type Rotation = 'daily' | 'hourly' | { readonly maxBytes: number };

/** Whose midnight. */
export type LogTimezone = 'local' | 'utc';

/** Decides when a segment is followed by the next. */
export class RotationSchedule {
  readonly #rotation: Rotation;
  readonly #timezone: LogTimezone;

  constructor(rotation: Rotation, timezone: LogTimezone) {
    this.#rotation = rotation;
    this.#timezone = timezone;
  }

  /** Whether a segment that began at `openedAt` (ms since 1970) and has `bytes` takes `moreBytes` at `now`. */
  isDue(now: number, openedAt: number, bytes: number, moreBytes: number): boolean {
    if (typeof this.#rotation === 'object') return bytes + moreBytes > this.#rotation.maxBytes;
    // One that began in the future had a wrong clock, and would not end before that.
    return now >= this.endOf(openedAt) || openedAt > this.endOf(this.endOf(now));
  }

  /** How many bytes go into a segment that has `bytes`. */
  roomFor(bytes: number): number {
    return typeof this.#rotation === 'object' ? this.#rotation.maxBytes - bytes : Number.POSITIVE_INFINITY;
  }

  /** When the period that `time` is in ends, ms since 1970; never for a rotation by size. */
  endOf(time: number): number {
    const date = new Date(time);
    if (typeof this.#rotation === 'object') return Number.POSITIVE_INFINITY;
    if (this.#rotation === 'hourly') return this.#timezone === 'utc' ? date.setUTCHours(date.getUTCHours() + 1, 0, 0, 0) : nextLocalHour(date);
    // By the calendar, not by 24 hours: local days of 23 and 25 hours exist.
    return this.#timezone === 'utc' ? date.setUTCHours(24, 0, 0, 0) : date.setHours(24, 0, 0, 0);
  }
}

/** Setting the hour of a local date would go in circles in the hour that a change of clocks repeats; zones off by half an hour need the minutes. */
function nextLocalHour(date: Date): number {
  const intoHour = (date.getMinutes() * 60 + date.getSeconds()) * 1000 + date.getMilliseconds();
  return date.getTime() - intoHour + 3_600_000;
}
