import { inBackground } from './background.js';

/** A timer that was started and can be stopped. Stopping it twice, or after it fired, does nothing. */
export interface ClockTimer {
  cancel(): void;
}

/** Where all time comes from. Tests put {@link FakeClock} in its place. */
export interface Clock {
  /** Wall-clock time in ms since 1970. May jump: for dates and certificates only. */
  now(): number;
  /** Monotonic time in ms from an arbitrary start. For every duration and every deadline. */
  monotonic(): number;
  /** Runs `callback` once after `delayMs`, as part of no call (AsyncLocalStorage). Never keeps the process alive. Delays beyond 2^31-1 ms work. */
  setTimeout(callback: () => void, delayMs: number): ClockTimer;
}

/** `setTimeout` fires after 1 ms for anything longer than this: longer waits are chained. */
const LONGEST_TIMER_MS = 0x7fffffff;

class SystemTimer implements ClockTimer {
  /** `undefined` once it fired or was cancelled. */
  #timer: NodeJS.Timeout | undefined;

  constructor(callback: () => void, delayMs: number) {
    this.#timer = this.#arm(callback, delayMs);
  }

  /**
   * Node.js keeps a list for each length of a timer, and drops one that has become empty only with the last timer that is ref'd; else when its time
   * is over. Sessions end long before their lives of hours, each of another length: without `ref()` each would leave a list behind.
   */
  cancel(): void {
    const timer = this.#timer;
    // Never one that fired: its ref() would keep the process alive.
    if (timer === undefined) return;
    this.#timer = undefined;
    clearTimeout(timer.ref());
  }

  #arm(callback: () => void, delayMs: number): NodeJS.Timeout {
    const step = Math.min(delayMs, LONGEST_TIMER_MS);
    const timer = setTimeout(() => {
      if (delayMs > step) this.#timer = this.#arm(callback, delayMs - step);
      else {
        this.#timer = undefined;
        callback();
      }
    }, step);
    return timer.unref();
  }
}

const startTimer = (callback: () => void, delayMs: number): ClockTimer => new SystemTimer(callback, delayMs);

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (callback, delayMs) => inBackground(startTimer, callback, delayMs),
};
