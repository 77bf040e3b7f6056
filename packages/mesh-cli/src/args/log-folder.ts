import { stat } from 'node:fs/promises';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { logDirectories, nodeFileSystem } from '@lemur-bookstores/mesh-log';

/**
 * Makes sure that `<dir>` is a folder: what is not there must not look like a log without events, nor like one that is gone.
 * @returns whether there are logs in it
 * @throws MeshError `invalid_option`, or Node's error
 */
export async function hasLogs(directory: string): Promise<boolean> {
  if (!(await stat(directory)).isDirectory()) throw new MeshError('invalid_option', `'${directory}' is no folder: give that of a log, or the one above it`);
  return (await logDirectories(nodeFileSystem, directory)).length > 0;
}

/** @throws MeshError `invalid_option` where there is none, or Node's error */
export async function assertLogs(directory: string): Promise<void> {
  if (!(await hasLogs(directory))) throw new MeshError('invalid_option', `there is no audit log in '${directory}', nor in the folders of it`);
}
