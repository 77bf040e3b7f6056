import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';

/**
 * Runs something of an adapter's that may throw, reject or hang. What it does after its time is nobody's concern any more.
 * @param what how a message names it, e.g. `start()`
 * @throws MeshError `adapter_timeout` after `timeoutMs`, else what it threw
 */
export function withinDeadline(clock: Clock, timeoutMs: number, what: string, run: () => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new MeshError('adapter_timeout', `${what} did not finish within ${timeoutMs} ms`)), timeoutMs);
    new Promise((done) => done(run())).then(() => resolve(), reject).finally(() => timer.cancel());
  });
}
