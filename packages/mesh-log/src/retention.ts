import { join } from 'node:path';
import type { FileSystem } from './file-system.js';
import { MerkleTree } from './merkle-tree.js';
import { listSegments } from './segment.js';
import type { SegmentHead } from './segment-head.js';

const DAY_MS = 86_400_000;

/** Whole segments at the beginning of a log whose time is over. */
export interface RetiredSegments {
  readonly names: readonly string[];
  /** Number of the first segment that stays. */
  readonly before: number;
  /** Their records: `from` … `to - 1`. */
  readonly from: number;
  readonly to: number;
  /** Base64 root over all records before `to`. */
  readonly root: string;
}

/**
 * The segments that ended more than `retentionDays` before `now`: a segment ends where the next begins. The last one never goes.
 * @returns undefined where there are none
 */
export function retiredSegments(heads: readonly SegmentHead[], now: number, retentionDays: number): RetiredSegments | undefined {
  let count = 0;
  while (count + 1 < heads.length && (heads[count + 1] as SegmentHead).openedAt < now - retentionDays * DAY_MS) count += 1;
  const [oldest, next] = [heads[0], heads[count]];
  if (count === 0 || oldest === undefined || next === undefined) return undefined;
  const tree = MerkleTree.fromRange(next.header.first, next.header.range.map((hash) => Buffer.from(hash, 'base64')));
  return {
    names: heads.slice(0, count).map(({ file }) => file.name),
    before: next.file.number,
    from: oldest.header.first,
    to: next.header.first,
    root: tree.root().toString('base64'),
  };
}

/**
 * Deletes all segments before one, oldest first, so that a crash leaves no hole, and with them what was left of attempts between them. Only
 * after their record is durable and under a checkpoint (PROTOCOL 7.6).
 */
export async function deleteSegments(fileSystem: FileSystem, directory: string, before: number): Promise<void> {
  for (const { number, name } of await listSegments(fileSystem, directory)) {
    if (number >= before) break;
    const path = join(directory, name);
    for (const file of [path, `${path}.gz`]) if ((await fileSystem.status(file)) !== undefined) await fileSystem.unlink(file);
  }
  await fileSystem.syncDirectory(directory);
}
