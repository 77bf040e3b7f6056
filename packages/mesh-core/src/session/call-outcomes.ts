import type { MeshError } from '@lemur-bookstores/mesh-interface';

/** Told how each call of a session ended: what choosing among instances goes by. Allocates nothing: it is asked once a call. */
export interface CallOutcomes {
  /**
   * @param ms from writing the request to its end
   * @param now monotonic time, in ms
   * @param error what it failed with; `undefined` = it has a result
   */
  ended(ms: number, now: number, error: MeshError | undefined): void;
}
