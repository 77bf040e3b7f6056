import type { Clock, ClockTimer } from './clock.js';

interface Waiting {
  readonly dueAt: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until a test moves it. Timers fire in the order of their due times, each at its own time; what a
 * timer's callback starts is also run if it falls due within the same advance.
 */
export class FakeClock implements Clock {
  #now: number;
  #monotonic = 0;
  #order = 0;
  readonly #waiting = new Set<Waiting>();

  /** @param startMs wall-clock time to begin at, ms since 1970 */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimeout(callback: () => void, delayMs: number): ClockTimer {
    const waiting: Waiting = { dueAt: this.#monotonic + Math.max(0, delayMs), order: this.#order++, callback };
    this.#waiting.add(waiting);
    return { cancel: () => void this.#waiting.delete(waiting) };
  }

  /** How many timers are armed. */
  get pendingTimers(): number {
    return this.#waiting.size;
  }

  /** Moves both times on by `ms`, firing what falls due. Between two timers all pending promise reactions run. */
  async advance(ms: number): Promise<void> {
    const target = this.#monotonic + ms;
    for (;;) {
      await settle();
      let next: Waiting | undefined;
      for (const waiting of this.#waiting) {
        if (waiting.dueAt > target) continue;
        if (next === undefined || waiting.dueAt < next.dueAt || (waiting.dueAt === next.dueAt && waiting.order < next.order)) next = waiting;
      }
      if (next === undefined) break;
      this.#waiting.delete(next);
      this.#moveTo(Math.max(next.dueAt, this.#monotonic));
      next.callback();
    }
    this.#moveTo(target);
    await settle();
  }

  /** Moves the wall clock alone, as an operator or NTP would: durations and deadlines must not care. */
  jump(ms: number): void {
    this.#now += ms;
  }

  #moveTo(monotonic: number): void {
    this.#now += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}

/** One full turn of the event loop: promise reactions, nextTick and setImmediate callbacks have run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
