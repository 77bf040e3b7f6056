import { isTimeout, MeshError, type MeshErrorCode } from '@lemur-bookstores/mesh-interface';

/** What a call says of its endpoint. `none`: nothing, neither good nor bad. */
export type BreakerOutcome = 'success' | 'failure' | 'none';

/**
 * What each code says of the endpoint. `answered`: whoever was called has looked at the call and refused it, which is a success, but only
 * where the call got there: the same code is also given by the caller's own side, before anything is sent.
 */
export const OUTCOME_BY_CODE: Readonly<Record<MeshErrorCode, 'failure' | 'none' | 'answered'>> = Object.freeze({
  UNAVAILABLE: 'failure',
  DEADLINE_EXCEEDED: 'failure',
  INTERNAL: 'failure',
  UNKNOWN: 'failure',
  DATA_LOSS: 'failure',
  RESOURCE_EXHAUSTED: 'none',
  CANCELLED: 'none',
  INVALID_ARGUMENT: 'answered',
  NOT_FOUND: 'answered',
  ALREADY_EXISTS: 'answered',
  PERMISSION_DENIED: 'answered',
  UNAUTHENTICATED: 'answered',
  FAILED_PRECONDITION: 'answered',
  ABORTED: 'answered',
  OUT_OF_RANGE: 'answered',
  UNIMPLEMENTED: 'answered',
});

/**
 * What the outcome of a call says of its endpoint; `undefined` is a result.
 * @param answered whether it is the endpoint's own answer. Default: where the error says `mayHaveRun: true`
 */
export function outcomeOf(error: MeshError | undefined, answered = error?.mayHaveRun === true): BreakerOutcome {
  if (error === undefined) return 'success';
  // Cancelled because the time of the call was up: a timeout under another name.
  if (error.code === 'CANCELLED' && isTimeout(error.cause)) return 'failure';
  const outcome = (OUTCOME_BY_CODE as Readonly<Record<string, 'failure' | 'none' | 'answered' | undefined>>)[error.code] ?? 'failure';
  if (outcome === 'answered') return answered ? 'success' : 'none';
  return outcome;
}

/** What was thrown, as a MeshError; what comes of an aborted signal is told apart by its reason: out of time, or cancelled. */
export function errorOfCall(thrown: unknown, signal: AbortSignal): MeshError {
  if (MeshError.is(thrown) && thrown.code !== 'CANCELLED') return thrown;
  if (!signal.aborted) return MeshError.from(thrown);
  const reason: unknown = signal.reason;
  return isTimeout(reason)
    ? new MeshError('deadline_exceeded', 'the time of the call was up', { cause: reason, mayHaveRun: true })
    : new MeshError('cancelled', 'the call was cancelled', { cause: reason, mayHaveRun: true });
}
