import { dirname } from 'node:path';
import { errorCode, type FileSystem } from './file-system.js';

/** A folder that this user may not read was made by another one, who saw to it. */
const NOT_OURS = ['EACCES', 'EPERM'];

/**
 * Makes a folder, 0700, with those above it that are missing, and all their names durable: files are lost, synced or not, with the name of a
 * folder that they are in (PROTOCOL 7.3). The name of a folder that is there is synced too: whoever made it may have been cut off.
 * @throws Node's error
 */
export async function makeDurableDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  const made = [directory];
  for (let above = dirname(directory); above !== dirname(above) && (await fileSystem.status(above)) === undefined; above = dirname(above)) made.unshift(above);
  await fileSystem.makeDirectory(directory);
  for (const folder of made) {
    try {
      await fileSystem.syncDirectory(dirname(folder));
    } catch (error) {
      if (!NOT_OURS.includes(errorCode(error))) throw error;
    }
  }
}
