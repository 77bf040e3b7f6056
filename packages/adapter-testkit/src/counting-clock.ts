import { systemClock, type Clock, type ClockTimer } from '@lemur-bookstores/mesh-interface';

/** The machine's clock, which knows how many of its timers are armed. */
export class CountingClock implements Clock {
  readonly #armed = new Set<ClockTimer>();

  get pendingTimers(): number {
    return this.#armed.size;
  }

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  setTimeout(callback: () => void, delayMs: number): ClockTimer {
    const inner = systemClock.setTimeout(() => {
      this.#armed.delete(timer);
      callback();
    }, delayMs);
    const timer: ClockTimer = {
      cancel: () => {
        this.#armed.delete(timer);
        inner.cancel();
      },
    };
    this.#armed.add(timer);
    return timer;
  }
}
