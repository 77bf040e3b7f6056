import type { Clock } from '@lemur-bookstores/mesh-interface';

/** How long deliveries wait for the disk, in ms. One that hangs must not keep an adapter from what is in memory. */
const PATIENCE_MS = 30_000;

/**
 * Resolves when the work has ended, or after 30 s.
 * @param work never rejects
 * @param onLate called in the second case, before
 */
export function waitPatiently(clock: Clock, work: Promise<unknown>, onLate: () => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => {
      onLate();
      resolve();
    }, PATIENCE_MS);
    void work.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
