import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { SessionEnd } from './session-delegate.js';

/** Every call that was written learns the same: nobody knows whether it ran (PROTOCOL 1.5). */
export function connectionLost(end: SessionEnd): MeshError {
  const why = end.type === 'closed' ? (end.by === 'us' ? 'closed here' : 'closed by the peer') : end.error.message;
  return new MeshError('connection_lost', `the connection ended before the answer came (${why}); the call may have run`, {
    mayHaveRun: true,
    ...(end.type === 'closed' ? {} : { cause: end.error }),
  });
}
