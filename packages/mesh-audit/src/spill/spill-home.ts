import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { FileSystem, WriterLock } from '@lemur-bookstores/mesh-log';
import { SpillCursor } from './spill-cursor.js';
import { segmentName, segmentNumber } from './spill-segment.js';

/** Claims a folder for one writer, as `claimWriterLock` of mesh-log does. */
export type ClaimLock = (directory: string) => Promise<WriterLock | undefined>;

/** Processes that may live at once with the same spill. */
const MAX_INSTANCES = 64;
const HARMLESS = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** A folder's name for a name that may hold anything; two names never share one. */
export function safeName(name: string): string {
  if (HARMLESS.test(name)) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.replace(/[^A-Za-z0-9._-]+/g, '_').replace(/^[^A-Za-z0-9]+/, '').slice(0, 48)}_${digest}`.replace(/^_/, 'x_');
}

/** The folder of a lane's spill, claimed. */
export interface SpillHome {
  readonly directory: string;
  readonly lock: WriterLock;
}

/** Claims a folder for a lane's spill: a second living process takes `<directory>-2`, and so on. */
export async function claimSpillHome(claim: ClaimLock, wanted: string): Promise<SpillHome> {
  for (let instance = 1; instance <= MAX_INSTANCES; instance++) {
    const directory = instance === 1 ? wanted : `${wanted}-${instance}`;
    const lock = await claim(directory);
    if (lock !== undefined) return { directory, lock };
  }
  throw new Error(`${MAX_INSTANCES} living processes have one there`);
}

/**
 * Moves here what processes that live no longer left in the folders of other instances: it is delivered whoever starts next.
 * @param above segments get higher numbers than this
 */
export async function adoptOrphans(fileSystem: FileSystem, claim: ClaimLock, wanted: string, own: string, above: number): Promise<void> {
  let highest = above;
  const siblings = (await fileSystem.list(dirname(wanted))).filter((name) => name === basename(wanted) || instanceOf(name) === basename(wanted));
  for (const name of siblings) {
    const directory = join(dirname(wanted), name);
    if (directory === own) continue;
    const found = (await fileSystem.list(directory).catch(() => [])).some((file) => segmentNumber(file) !== undefined);
    if (!found) continue;
    const lock = await claim(directory);
    if (lock === undefined) continue;
    try {
      highest = await moveSegments(fileSystem, directory, own, highest);
    } finally {
      await lock.release();
    }
  }
}

/** `file-2` → `file`. */
const instanceOf = (name: string): string | undefined => /^(.+)-\d{1,2}$/.exec(name)?.[1];

/** Whole segments: of the one that was delivered in part, that part comes again. */
async function moveSegments(fileSystem: FileSystem, from: string, to: string, above: number): Promise<number> {
  const cursor = await SpillCursor.open(fileSystem, from);
  await cursor.close();
  let highest = above;
  for (const name of (await fileSystem.list(from)).filter((file) => segmentNumber(file) !== undefined).sort()) {
    if (segmentNumber(name)! < cursor.position.segment) await fileSystem.unlink(join(from, name));
    else await fileSystem.rename(join(from, name), join(to, segmentName(++highest)));
  }
  await fileSystem.syncDirectory(to);
  await fileSystem.syncDirectory(from);
  return highest;
}
