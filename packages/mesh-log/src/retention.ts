import type { FileSystem } from './file-system.js';
import { MerkleTree } from './merkle-tree.js';
import type { SegmentHead } from './segment-head.js';

const DAY_MS = 86_400_000;

/** Whole segments at the beginning of a log whose time is over. */
export interface RetiredSegments {
  readonly heads: readonly SegmentHead[];
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
  return { heads: heads.slice(0, count), from: oldest.header.first, to: next.header.first, root: tree.root().toString('base64') };
}

/** Deletes them, oldest first, so that a crash leaves no hole. Only after their record is durable and under a checkpoint (PROTOCOL 7.6). */
export async function deleteSegments(fileSystem: FileSystem, directory: string, heads: readonly SegmentHead[]): Promise<void> {
  for (const { file } of heads) {
    const plain = file.compressed ? file.path.slice(0, -'.gz'.length) : file.path;
    for (const path of [plain, `${plain}.gz`]) if ((await fileSystem.status(path)) !== undefined) await fileSystem.unlink(path);
  }
  await fileSystem.syncDirectory(directory);
}
