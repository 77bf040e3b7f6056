import { MeshError } from '@lemur-bookstores/mesh-interface';
import { errorCode } from './file-system.js';

export const logClosed = (): MeshError => new MeshError('log_closed', 'the log is closed');

/** The reason that its caller gave, or `cancelled`. */
export const appendCancelled = (signal: AbortSignal | undefined): MeshError => MeshError.from(signal?.reason, 'cancelled');

/** Why a log cannot be opened, with where it is and what to do: Node's errors of the disk by their code, what was done to a log by who finds it. */
export function openRefused(directory: string, error: unknown): unknown {
  if (MeshError.is(error)) return error.reason === 'log_tampered' ? tampered(directory, error) : error;
  if (typeof (error as NodeJS.ErrnoException | null)?.code !== 'string') return error;
  return new MeshError('log_write_failed', `the log in '${directory}' cannot be opened (${errorCode(error)})`, { cause: error });
}

const tampered = (directory: string, cause: MeshError): MeshError =>
  new MeshError('log_tampered', `the log in '${directory}' was damaged or altered (${cause.text}), and nothing is written to it: verify a copy, then move the folder away and keep it`, {
    cause,
    details: cause.details,
  });
