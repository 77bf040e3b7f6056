import { join } from 'node:path';
import { errorCode, type FileSystem } from './file-system.js';
import { listSegments } from './segment.js';

/** Root's own folder at the top of a volume: no log, and others cannot read it. */
const NO_LOG = 'lost+found';

/**
 * The logs in a folder, relative to it: itself (`''`) where it holds segments, and each folder in it that does, by name. A folder that is
 * not there holds none.
 */
export async function logDirectories(fileSystem: FileSystem, directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of ['', ...(await entriesOf(fileSystem, directory)).sort()]) {
    if (name !== NO_LOG && (await segmentsOf(fileSystem, join(directory, name))) > 0) found.push(name);
  }
  return found;
}

async function segmentsOf(fileSystem: FileSystem, directory: string): Promise<number> {
  try {
    return (await listSegments(fileSystem, directory)).length;
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR' || errorCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function entriesOf(fileSystem: FileSystem, directory: string): Promise<string[]> {
  try {
    return await fileSystem.list(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
