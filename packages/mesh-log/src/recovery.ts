import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { FileSystem, LogFile } from './file-system.js';
import { LogReplay } from './log-replay.js';
import type { UncleanEnd } from './record.js';
import { listSegments, type SegmentFile } from './segment.js';
import { readHead, readHeads, type SegmentHead } from './segment-head.js';
import { readLines } from './segment-lines.js';

/** Bytes that are written again at once. */
const CHUNK_BYTES = 256 * 1024;

/** A log as it was found. */
export interface RecoveredLog {
  /** Stands at the end of the log. */
  readonly replay: LogReplay;
  /** All segments, oldest first. */
  readonly segments: readonly SegmentHead[];
  /** Absent after a clean end. */
  readonly uncleanEnd?: UncleanEnd;
}

/**
 * Finds the end of a log, and makes it whole and durable. The last segment alone is read: its header stands for those before. Only an
 * incomplete last line is cut (PROTOCOL 7.5), and a segment that never got to its first record is removed.
 * @throws MeshError `log_tampered` where anything else is wrong: that is never repaired
 */
export async function recoverLog(fileSystem: FileSystem, directory: string): Promise<RecoveredLog> {
  const files = await listSegments(fileSystem, directory);
  for (let newest = files.at(-1); newest !== undefined && (await readHead(fileSystem, newest)) === undefined; newest = files.at(-1)) {
    await removeStillborn(fileSystem, directory, newest);
    files.pop();
  }
  const segments = await readHeads(fileSystem, files);
  const replay = new LogReplay('last');
  const last = segments.at(-1);
  if (last === undefined) return { replay, segments };
  const end = await replaySegment(fileSystem, last.file, replay);
  if (!last.file.compressed) await makeDurable(fileSystem, directory, last.file, end);
  if (end.clean) return { replay, segments };
  return { replay, segments, uncleanEnd: { from: replay.checkpointSize, to: replay.tree.size, cutBytes: end.cutBytes } };
}

interface SegmentEnd {
  /** The last record is `closed`, and a checkpoint covers it. */
  readonly clean: boolean;
  /** End of the last whole line. */
  readonly bytes: number;
  readonly cutBytes: number;
  /** Where the last checkpoint's line begins, 0 for the one that stands at the boundary. */
  readonly checkpointOffset: number;
}

async function replaySegment(fileSystem: FileSystem, file: SegmentFile, replay: LogReplay): Promise<SegmentEnd> {
  let [bytes, cutBytes, checkpointOffset, closed, covered] = [0, 0, 0, false, false];
  replay.startSegment(file.number);
  for await (const { lines, offset, incompleteBytes = 0 } of readLines(fileSystem, file)) {
    bytes = offset;
    cutBytes = incompleteBytes;
    for (const line of lines) {
      const taken = replay.take(line);
      covered = taken.kind === 'checkpoint';
      if (taken.kind === 'record') closed = taken.own?.log === 'closed';
      if (taken.kind === 'checkpoint' && taken.signers.length === 0) checkpointOffset = bytes;
      bytes += line.length + 1;
    }
  }
  replay.settle();
  return { clean: closed && covered && cutBytes === 0, bytes, cutBytes, checkpointOffset };
}

/**
 * Writes again what no checkpoint vouches for, and syncs. A sync alone would not do: where an fdatasync failed before the crash, the
 * kernel may hold pages that never reached the disk and call them clean.
 */
async function makeDurable(fileSystem: FileSystem, directory: string, { path }: SegmentFile, { bytes, cutBytes, checkpointOffset }: SegmentEnd): Promise<void> {
  const file = await fileSystem.open(path, 'write');
  try {
    if (cutBytes > 0) await file.truncate(bytes);
    await rewrite(file, checkpointOffset, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await fileSystem.syncDirectory(directory);
}

async function rewrite(file: LogFile, from: number, to: number): Promise<void> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let position = from; position < to; ) {
    const length = await file.read(chunk.subarray(0, Math.min(chunk.length, to - position)), position);
    if (length === 0) throw new MeshError('log_tampered', 'the last segment became shorter while it was read');
    await file.write(chunk.subarray(0, length), position);
    position += length;
  }
}

/** Its creation was cut off: no record in it, thus none acknowledged. All that its header said is in the segment before. */
async function removeStillborn(fileSystem: FileSystem, directory: string, { path }: SegmentFile): Promise<void> {
  await fileSystem.unlink(path);
  await fileSystem.syncDirectory(directory);
}
