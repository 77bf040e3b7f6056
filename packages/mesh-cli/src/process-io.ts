import { systemClock } from '@lemur-bookstores/mesh-interface';
import type { CommandIo } from './command-io.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const LONGEST_TIMER_MS = 0x7fffffff;

/** The process's own. */
export const processIo: CommandIo = {
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  env: process.env,
  clock: systemClock,
  onInterrupt: (callback) => {
    for (const signal of SIGNALS) process.on(signal, callback);
    // Who waits to be interrupted waits on timers of the clock, which keep no process alive.
    const alive = setInterval(() => undefined, LONGEST_TIMER_MS);
    return () => {
      clearInterval(alive);
      for (const signal of SIGNALS) process.off(signal, callback);
    };
  },
};
