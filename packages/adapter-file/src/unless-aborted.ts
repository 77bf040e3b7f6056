import { MeshError } from '@lemur-bookstores/mesh-interface';

/** What the signal was given as a reason, as a MeshError; else `cancelled`. */
export const abortReason = (signal: AbortSignal): MeshError => MeshError.from(signal.reason, 'cancelled');

/**
 * Waits for something until the signal says to wait no longer.
 * @param onAbort called before it rejects
 * @throws {@link abortReason}
 */
export function unlessAborted<T>(waited: Promise<T>, signal: AbortSignal | undefined, onAbort?: () => void): Promise<T> {
  if (signal === undefined) return waited;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      onAbort?.();
      reject(abortReason(signal));
    };
    const settled = (settle: () => void): void => {
      signal.removeEventListener('abort', abort);
      settle();
    };
    signal.addEventListener('abort', abort, { once: true });
    waited.then(
      (value) => settled(() => resolve(value)),
      (error: Error) => settled(() => reject(error)),
    );
    if (signal.aborted) abort();
  });
}
