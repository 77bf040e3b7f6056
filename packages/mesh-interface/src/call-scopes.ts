import type { TraceContext } from './audit-event.js';

/** A call that a handler is handling, as the calls see it that are made for it. */
export interface ServedCall {
  readonly method: string;
  /** Monotonic time, in ms, after which nobody waits for its answer. */
  readonly dueAt: number;
  /** Aborted when its caller cancels, its deadline passes or its connection ends. */
  readonly signal: AbortSignal;
  readonly trace?: TraceContext;
}

/** Knows which call the code that runs is handling. */
export interface CallScopes {
  /** Runs the handler of a call: whatever it does, also later, is for this call. */
  run<Arguments extends unknown[], Result>(call: ServedCall, work: (...args: Arguments) => Result, ...args: Arguments): Result;
  /** The call that is being handled here; `undefined` outside all handlers. */
  current(): ServedCall | undefined;
  /** Runs what is for no call. */
  detach<Result>(work: () => Result): Result;
}
