import { MeshError } from './mesh-error.js';

/** Whether a signal was aborted by a deadline, what `AbortSignal.timeout()` gives (by its name, for it may be of another realm), or what interceptors made of either. */
export function isTimeout(reason: unknown): boolean {
  if (!MeshError.is(reason)) return (reason as { readonly name?: unknown } | null | undefined)?.name === 'TimeoutError';
  return reason.code === 'DEADLINE_EXCEEDED' || (reason.code === 'CANCELLED' && reason.cause !== reason && isTimeout(reason.cause));
}
