import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { SessionEnd } from './session-delegate.js';

/** Told apart by what they are: an answer may have the same reason, e.g. where its handler passes on what became of a call of its own. */
const made = new WeakSet<MeshError>();

/** Every call that was written learns the same: nobody knows whether it ran (PROTOCOL 1.5). */
export function connectionLost(end: SessionEnd): MeshError {
  const why = end.type === 'closed' ? (end.by === 'us' ? 'closed here' : 'closed by the peer') : end.error.message;
  const error = new MeshError('connection_lost', `the connection ended before the answer came (${why}); the call may have run`, {
    mayHaveRun: true,
    ...(end.type === 'closed' ? {} : { cause: end.error }),
  });
  made.add(error);
  return error;
}

/** Whether a call's own connection ended before its answer came. */
export const isConnectionLost = (error: MeshError): boolean => made.has(error);
