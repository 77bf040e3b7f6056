import { MeshError } from './mesh-error.js';

/**
 * An error of a call of which more is known than it says itself: an error that says nothing gets what is known, and where the call may have run, e.g. in an
 * attempt before the last one, none proves the contrary.
 */
export function withMayHaveRun(thrown: unknown, mayHaveRun: boolean): MeshError {
  const error = MeshError.from(thrown);
  if (error.mayHaveRun === true || error.mayHaveRun === mayHaveRun) return error;
  const { code, reason, text, details, retryable, retryAfterMs } = error;
  return new MeshError(reason, text, { code, details, retryable, mayHaveRun, cause: thrown, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
