import { MeshError } from '@lemur-bookstores/mesh-interface';

/** An error of a call's last attempt, where one before it may have run: that the last one has not proves nothing about those. */
export function afterEarlierAttempts(error: MeshError): MeshError {
  if (error.mayHaveRun === true) return error;
  const { code, reason, text, details, retryable, retryAfterMs } = error;
  return new MeshError(reason, text, { code, details, retryable, mayHaveRun: true, cause: error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
