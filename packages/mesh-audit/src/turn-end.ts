/** A setImmediate: promise reactions, nextTick and I/O callbacks have run by then. */
export const turnEnd = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
