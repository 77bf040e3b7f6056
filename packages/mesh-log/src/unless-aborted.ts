import { MeshError } from '@lemur-bookstores/mesh-interface';

/** The reason that the signal was given, where it is a MeshError; else `cancelled`. Retryable: nothing is wrong with what was given up. */
export function aborted({ reason }: AbortSignal): MeshError {
  if (MeshError.is(reason)) return reason;
  return new MeshError('cancelled', 'the delivery was given up', { cause: reason, retryable: true });
}

/**
 * Waits for something until the signal says to wait no longer.
 * @param onAbort called before it rejects
 * @throws {@link aborted}
 */
export function unlessAborted<T>(waited: Promise<T>, signal: AbortSignal | undefined, onAbort?: () => void): Promise<T> {
  if (signal === undefined) return waited;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      onAbort?.();
      reject(aborted(signal));
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
