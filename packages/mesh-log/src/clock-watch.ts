import type { Clock } from '@lemur-bookstores/mesh-interface';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** How long a log may have been silent before a start that is not in doubt: jobs that run once a month. */
const MAX_SILENCE_MS = 35 * DAY_MS;
/** How far the wall clock may get away from the monotonic one between two looks. */
const MAX_STEP_MS = HOUR_MS;

/** What a log's own records say of the clock that it was written by, in ms since 1970. */
export interface LogTimes {
  readonly lastSeen: number;
  /** The first of the times up to {@link lastSeen} that follow from one another. */
  readonly steadySince: number;
}

/** Takes in the next of a log's times. */
export function nextTimes(times: LogTimes | undefined, time: number): LogTimes | undefined {
  if (Number.isNaN(time)) return times;
  return { lastSeen: time, steadySince: times !== undefined && follows(times.lastSeen, time) ? times.steadySince : time };
}

/** Whether a clock that is right may go from the one time to the other between two records. */
export const follows = (before: number, after: number): boolean => after - before <= MAX_SILENCE_MS && before - after <= MAX_STEP_MS;

/** How long a clock must have gone on steadily to be believed. */
export const STEADY_MS = DAY_MS;

/**
 * Whether the wall clock is to be believed where records are deleted by their age: a clock set wrong by years would take them all. After a
 * step, or a start at a time that does not follow from the log's own, it is believed once it has gone on steadily for a day, restarts or not.
 */
export class ClockWatch {
  readonly #clock: Clock;
  #wall: number;
  #monotonic: number;
  /** On the monotonic clock. */
  #doubtedSince: number | undefined;

  /** @param times of the log as it was found; absent where it begins */
  constructor(clock: Clock, times: LogTimes | undefined) {
    this.#clock = clock;
    [this.#wall, this.#monotonic] = [clock.now(), clock.monotonic()];
    if (times === undefined) return;
    const steadyMs = follows(times.lastSeen, this.#wall) ? Math.max(this.#wall - times.steadySince, 0) : 0;
    if (steadyMs < STEADY_MS) this.#doubtedSince = this.#monotonic - steadyMs;
  }

  /** Looks at the clock. To be asked at least once an hour. */
  isSteady(): boolean {
    const [wall, monotonic] = [this.#clock.now(), this.#clock.monotonic()];
    const step = wall - this.#wall - (monotonic - this.#monotonic);
    [this.#wall, this.#monotonic] = [wall, monotonic];
    if (Math.abs(step) > MAX_STEP_MS) this.#doubtedSince = monotonic;
    if (this.#doubtedSince !== undefined && monotonic - this.#doubtedSince >= STEADY_MS) this.#doubtedSince = undefined;
    return this.#doubtedSince === undefined;
  }
}
