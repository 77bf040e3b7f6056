import { AsyncResource } from 'node:async_hooks';

/** Made with the module, so by no call. */
const background = new AsyncResource('MeshBackground');

/**
 * Begins what goes on for longer than whoever was the first to need it, e.g. a handler of a call: as part of that call (AsyncLocalStorage) it would keep the call
 * in memory, carry its trace, and hold everything that follows to its deadline.
 */
export const inBackground = <Arguments extends unknown[], Result>(work: (...args: Arguments) => Result, ...args: Arguments): Result => background.runInAsyncScope(work, undefined, ...args);
