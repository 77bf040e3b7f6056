import { MeshError } from '@lemur-bookstores/mesh-interface';
import { makeDurableDirectory } from './durable-directory.js';
import { errorCode, type FileSystem } from './file-system.js';
import type { ResolvedLogOptions } from './log-options.js';
import { openRefused } from './log-refusals.js';
import { listSegments } from './segment.js';
import { readHead } from './segment-head.js';
import { isNoteName } from './signed-note.js';
import type { WriterLock } from './writer-lock.js';

/** Further instances of one service on one disk. */
const MAX_INSTANCES = 64;

/** A folder that one writer holds, and what its log is called. */
export interface LogInstance {
  readonly lock: WriterLock;
  readonly directory: string;
  readonly origin: string;
}

/**
 * Claims the first folder of `<directory>`, `<directory>-2` … that has no living writer and, where the log is named by what is found there, is not another's.
 * @throws MeshError `log_locked`, `log_tampered`, `invalid_option`, `log_write_failed` where the disk cannot be read
 */
export async function claimInstance({ directory: first, origin, fileSystem, claimLock }: ResolvedLogOptions): Promise<LogInstance> {
  for (let instance = 1; instance <= MAX_INSTANCES; instance++) {
    const suffix = instance === 1 ? '' : `-${instance}`;
    const directory = first + suffix;
    await makeDirectory(fileSystem, directory);
    const lock = await claimLock(directory);
    if (lock === undefined) continue;
    try {
      const name = typeof origin === 'string' ? origin + suffix : origin(await originIn(fileSystem, directory));
      if (name !== undefined && !isNoteName(name)) throw new MeshError('invalid_option', `origin: '${name}' is not one word without '+'`);
      if (name !== undefined) return { lock, directory, origin: name };
    } catch (error) {
      await lock.release();
      throw openRefused(directory, error);
    }
    await lock.release();
  }
  throw new MeshError('log_locked', `'${first}' and the ${MAX_INSTANCES - 1} beside it have living writers, or are others'`);
}

async function makeDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  try {
    await makeDurableDirectory(fileSystem, directory);
  } catch (cause) {
    throw new MeshError('log_locked', `'${directory}' cannot be made (${errorCode(cause)})`, { cause });
  }
}

/** The origin of the log in a folder. Its last segment says it: those before may be retired. */
async function originIn(fileSystem: FileSystem, directory: string): Promise<string | undefined> {
  for (const file of (await listSegments(fileSystem, directory)).reverse()) {
    const head = await readHead(fileSystem, file);
    if (head !== undefined) return head.header.origin;
  }
  return undefined;
}
