import { isTimeout, MeshError, type ServedCall } from '@lemur-bookstores/mesh-interface';
import type { CallOptions } from './call-options.js';

/** @throws MeshError `deadline_exceeded`, `cancelled` where nobody waits any more for the call that another one would be made for */
export function assertServed({ method, signal, dueAt }: ServedCall, nested: string, now: number): void {
  const isOver = signal.aborted;
  if (!isOver && dueAt > now) return;
  const reason = !isOver || isTimeout(signal.reason) ? 'deadline_exceeded' : 'cancelled';
  const what = reason === 'cancelled' ? 'has ended' : 'has no time left';
  throw new MeshError(reason, `'${method}', for which '${nested}' is called, ${what}`, { cause: isOver ? signal.reason : undefined, mayHaveRun: false });
}

/** What a call takes over from the call it is made for, unless it has its own. */
export function withTraceOf({ trace }: ServedCall, options: CallOptions | undefined): CallOptions | undefined {
  return trace === undefined || options?.trace !== undefined ? options : { ...options, trace };
}
