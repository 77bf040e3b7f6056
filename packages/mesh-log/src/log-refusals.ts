import { MeshError } from '@lemur-bookstores/mesh-interface';
import { errorCode } from './file-system.js';

export const logClosed = (): MeshError => new MeshError('log_closed', 'the log is closed');

/** The reason that its caller gave, or `cancelled`. */
export const appendCancelled = (signal: AbortSignal | undefined): MeshError => MeshError.from(signal?.reason, 'cancelled');

/** What a log cannot be opened for: Node's errors of the disk by their code, all others as they are. */
export const openRefused = (directory: string, error: unknown): unknown =>
  MeshError.is(error) || typeof (error as NodeJS.ErrnoException | null)?.code !== 'string'
    ? error
    : new MeshError('log_write_failed', `the log in '${directory}' cannot be opened (${errorCode(error)})`, { cause: error });
