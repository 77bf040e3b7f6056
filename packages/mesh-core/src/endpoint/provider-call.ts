import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';

/** Providers are other people's code and ask other machines: none is waited for longer than this, in ms. */
export const PROVIDER_TIMEOUT_MS = 5_000;

/**
 * Asks a discovery provider for something.
 * @param what as in `discovery could not <what>`
 * @throws MeshError its own, else `discovery_failed`, also where there is no answer in time: what comes later is dropped
 */
export function askProvider<T>(clock: Clock, what: string, ask: () => Promise<T> | undefined, timeoutMs = PROVIDER_TIMEOUT_MS): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new MeshError('discovery_failed', `discovery could not ${what} within ${timeoutMs} ms`)), timeoutMs);
    // It may throw at once as well, or answer with what is no promise.
    new Promise<T | undefined>((answered) => answered(ask()))
      .then(resolve, (error: unknown) => reject(MeshError.from(error, 'discovery_failed')))
      .finally(() => timer.cancel());
  });
}
