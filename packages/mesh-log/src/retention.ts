import { join } from 'node:path';
import type { FileSystem } from './file-system.js';
import { MerkleTree } from './merkle-tree.js';
import { listSegments, type SegmentFile } from './segment.js';
import type { SegmentHead } from './segment-head.js';

const DAY_MS = 86_400_000;
/** Most segments of one record: its line is bounded, too. */
const MAX_RETIRED = 1000;

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
 * The segments that ended more than `retentionDays` before `now`: a segment ends where the next begins. The last one never goes. A segment
 * that began in the future, or before the one before it, had a wrong clock, and says nothing about when that ended.
 * @param read gives the beginning of a segment; asked for no more of them than are needed
 * @returns undefined where there are none
 */
export async function retiredSegments(
  files: readonly SegmentFile[],
  read: (file: SegmentFile) => Promise<SegmentHead | undefined>,
  now: number,
  retentionDays: number,
): Promise<RetiredSegments | undefined> {
  const over = now - retentionDays * DAY_MS;
  const passed: SegmentHead[] = [];
  let [latest, count] = [Number.NEGATIVE_INFINITY, 0];
  for (const file of files) {
    const head = await read(file);
    if (head === undefined) continue;
    const isBelievable = head.openedAt >= latest && head.openedAt <= now;
    if (isBelievable && head.openedAt >= over && passed.length > 0) break;
    if (isBelievable) [latest, count] = [head.openedAt, passed.length];
    passed.push(head);
    if (passed.length > MAX_RETIRED) break;
  }
  const [oldest, next] = [passed[0], passed[count]];
  if (count === 0 || oldest === undefined || next === undefined) return undefined;
  const tree = MerkleTree.fromRange(next.header.first, next.header.range.map((hash) => Buffer.from(hash, 'base64')));
  return {
    names: passed.slice(0, count).map(({ file }) => file.name),
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
    // The plain one last: a .gz that is left alone would need a record of it.
    for (const file of [`${path}.gz.tmp`, `${path}.gz`, path]) if ((await fileSystem.status(file)) !== undefined) await fileSystem.unlink(file);
  }
  await fileSystem.syncDirectory(directory);
}
