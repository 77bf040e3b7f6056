import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { makeDurableDirectory, type FileSystem, type WriterLock } from '@lemur-bookstores/mesh-log';
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

/** Claims a folder for a lane's spill: a second living process takes `<directory>~2`, which no lane's own folder is called, and so on. */
export async function claimSpillHome(fileSystem: FileSystem, claim: ClaimLock, wanted: string): Promise<SpillHome> {
  for (let instance = 1; instance <= MAX_INSTANCES; instance++) {
    const directory = instance === 1 ? wanted : `${wanted}~${instance}`;
    await makeDurableDirectory(fileSystem, directory);
    const lock = await claim(directory);
    if (lock !== undefined) return { directory, lock };
  }
  throw new Error(`${MAX_INSTANCES} living processes have one there`);
}

/** Told of a folder that cannot be looked at or emptied now: it stays for whoever comes next. */
export type OnTrouble = (directory: string, error: unknown) => void;

/**
 * Moves here what processes that live no longer left in the folders of other instances: it is delivered whoever starts next.
 * @param above segments get higher numbers than this
 */
export async function adoptOrphans(fileSystem: FileSystem, claim: ClaimLock, wanted: string, own: string, above: number, onTrouble: OnTrouble): Promise<void> {
  let highest = above;
  const siblings = (await fileSystem.list(dirname(wanted))).filter((name) => name === basename(wanted) || instanceOf(name) === basename(wanted));
  for (const name of siblings) {
    const directory = join(dirname(wanted), name);
    if (directory === own) continue;
    try {
      await adopt(fileSystem, claim, directory, own, () => ++highest);
    } catch (error) {
      onTrouble(directory, error);
    }
  }
}

async function adopt(fileSystem: FileSystem, claim: ClaimLock, directory: string, own: string, nextNumber: () => number): Promise<void> {
  if (!(await fileSystem.list(directory)).some((file) => segmentNumber(file) !== undefined)) return;
  const lock = await claim(directory);
  if (lock === undefined) return;
  try {
    await moveSegments(fileSystem, directory, own, nextNumber);
  } finally {
    await lock.release();
  }
}

/** `file~2` → `file`. */
const instanceOf = (name: string): string | undefined => /^(.+)~\d{1,2}$/.exec(name)?.[1];

/** Whole segments: of the one that was delivered in part, that part comes again. */
async function moveSegments(fileSystem: FileSystem, from: string, to: string, nextNumber: () => number): Promise<void> {
  const cursor = await SpillCursor.open(fileSystem, from);
  await cursor.close();
  for (const name of (await fileSystem.list(from)).filter((file) => segmentNumber(file) !== undefined).sort()) {
    if (segmentNumber(name)! < cursor.position.segment) await fileSystem.unlink(join(from, name));
    else await fileSystem.rename(join(from, name), join(to, segmentName(nextNumber())));
  }
  await fileSystem.syncDirectory(to);
  await fileSystem.syncDirectory(from);
}
