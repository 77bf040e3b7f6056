import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Node's code of a failed operation, e.g. `ENOSPC`. */
export const errorCode = (error: unknown): string => (error as NodeJS.ErrnoException | undefined)?.code ?? String(error);

/** @param what happened where, e.g. `'/logs/spill' cannot be written` */
export function spillFailure(what: string, cause: unknown): MeshError {
  return MeshError.is(cause) ? cause : new MeshError('spill_failed', `${what} (${errorCode(cause)})`, { cause });
}
