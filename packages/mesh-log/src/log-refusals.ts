import { MeshError } from '@lemur-bookstores/mesh-interface';

export const logClosed = (): MeshError => new MeshError('log_closed', 'the log is closed');

/** The reason that its caller gave, or `cancelled`. */
export const appendCancelled = (signal: AbortSignal | undefined): MeshError => MeshError.from(signal?.reason, 'cancelled');
