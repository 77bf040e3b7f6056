import { createHook } from 'node:async_hooks';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Node.js names handles and requests in capitals (`TCPWRAP`, `FSREQCALLBACK`), timers as their classes. */
const STARTED = /^(?!PROMISE$)[A-Z][A-Z0-9]+$|^Timeout$|^Immediate$/;

/** Runs a synchronous function and tells which handles, requests and timers it has made. */
export function startedBy<T>(run: () => T): { readonly value: T; readonly started: readonly string[] } {
  const started: string[] = [];
  const hook = createHook({
    init(_id, type) {
      if (STARTED.test(type)) started.push(type);
    },
  });
  hook.enable();
  try {
    return { value: run(), started };
  } finally {
    hook.disable();
  }
}

/** Every file below a folder, with size and time: what changes when something is written. */
export function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { size, mtimeMs } = statSync(join(directory, name));
      return `${name} ${size} ${mtimeMs}`;
    });
}

/** How many listeners the process has, by event. */
export function processListeners(): Readonly<Record<string, number>> {
  return Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));
}
