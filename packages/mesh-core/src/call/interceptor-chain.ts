import type { InterceptedCall, Interceptor } from '@lemur-bookstores/mesh-interface';

/** Runs a call through interceptors, the first one outermost, and at last through `terminal`. */
export function runThrough(interceptors: readonly Interceptor[], call: InterceptedCall, terminal: (call: InterceptedCall) => Promise<unknown>): Promise<unknown> {
  // As they are now: one that is added meanwhile is for later calls.
  const chain = [...interceptors];
  const step = (index: number, current: InterceptedCall): Promise<unknown> => {
    const interceptor = chain[index];
    try {
      return interceptor === undefined ? terminal(current) : interceptor(current, (next) => step(index + 1, next));
    } catch (error) {
      // `next()` gives a promise, also where what is behind it is not async.
      return new Promise(() => {
        throw error;
      });
    }
  };
  return step(0, call);
}
