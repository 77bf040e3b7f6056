import type { Clock, ClockTimer } from '@lemur-bookstores/mesh-interface';

/** A clock for synchronous code: timers fire within `advance()`, and `stall()` lets time pass as a blocked event loop does. */
export class StallingClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ readonly dueAt: number; readonly callback: () => void }>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, delayMs: number): ClockTimer {
    const timer = { dueAt: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Time passes and no timer fires: what fell due does so at the next `advance()`. */
  stall(ms: number): void {
    this.#now += ms;
  }

  advance(ms: number): void {
    const target = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].filter(({ dueAt }) => dueAt <= target).sort((a, b) => a.dueAt - b.dueAt)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.dueAt);
      next.callback();
    }
    this.#now = target;
  }
}
