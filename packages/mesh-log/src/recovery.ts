import { MeshError } from '@lemur-bookstores/mesh-interface';
import { follows, STEADY_MS, type LogTimes } from './clock-watch.js';
import type { FileSystem, LogFile } from './file-system.js';
import { LogReplay } from './log-replay.js';
import type { UncleanEnd } from './record.js';
import { listSegments, type AbandonedSegment, type SegmentFile } from './segment.js';
import { readHead, type SegmentHead } from './segment-head.js';
import { readLines } from './segment-lines.js';
import { isTorn } from './torn-line.js';

/** Most segments that are looked at for how long the clock has been steady. */
const MAX_HEADS = 1000;
/** Bytes that are written again at once. */
const CHUNK_BYTES = 256 * 1024;

/** A log as it was found. */
export interface RecoveredLog {
  /** Stands at the end of the log. */
  readonly replay: LogReplay;
  /** The last segment; absent where the log is yet to begin. */
  readonly last?: SegmentHead;
  readonly times?: LogTimes;
  /** Absent after a clean end. */
  readonly uncleanEnd?: UncleanEnd;
  /** The last segment, where a loss of power tore it: the log goes on in a new one. */
  readonly torn?: AbandonedSegment;
}

/**
 * Finds the end of a log, and makes it whole and durable. The last segment alone is read: its header stands for those before. Only an
 * incomplete last line is cut (PROTOCOL 7.5), and a segment that never got to its first record is removed. One that a loss of power tore is
 * left as it is: what stands from there on was never acknowledged.
 * @throws MeshError `log_tampered` where anything else is wrong: that is never repaired
 */
export async function recoverLog(fileSystem: FileSystem, directory: string): Promise<RecoveredLog> {
  const files = await listSegments(fileSystem, directory);
  const replay = new LogReplay('last');
  let last: SegmentHead | undefined;
  for (let newest = files.pop(); newest !== undefined; newest = files.pop()) {
    last = await readHead(fileSystem, newest);
    if (last !== undefined) break;
    await removeStillborn(fileSystem, directory, newest);
  }
  if (last === undefined) return { replay };
  const end = await replaySegment(fileSystem, last.file, replay);
  if (!last.file.compressed) await makeDurable(fileSystem, directory, last.file, end);
  const times = await timesOf(fileSystem, files, last, replay);
  const found = { replay, last, ...(times && { times }) };
  if (end.clean) return found;
  const uncleanEnd = { from: replay.checkpointSize, to: replay.tree.size, cutBytes: end.cutBytes };
  return { ...found, uncleanEnd, ...(end.torn && { torn: { segment: last.file.number, bytes: end.bytes } }) };
}

/** Those of the last segment; where they do not go back far enough, those of the segments `before` it. Nothing contradicts a log that is steady from its beginning. */
async function timesOf(fileSystem: FileSystem, before: readonly SegmentFile[], last: SegmentHead, { times }: LogReplay): Promise<LogTimes | undefined> {
  if (times === undefined || times.steadySince !== last.openedAt) return times;
  const { lastSeen } = times;
  let { steadySince } = times;
  for (const file of before.slice(-MAX_HEADS).reverse()) {
    const openedAt = await openedAtOf(fileSystem, file);
    if (lastSeen - steadySince >= STEADY_MS || !follows(openedAt, steadySince)) return { lastSeen, steadySince };
    steadySince = openedAt;
  }
  return { lastSeen, steadySince: before.length > MAX_HEADS ? steadySince : Number.NEGATIVE_INFINITY };
}

/** NaN where it does not say: whether it is as it should be does not matter here. */
async function openedAtOf(fileSystem: FileSystem, file: SegmentFile): Promise<number> {
  try {
    return (await readHead(fileSystem, file))?.openedAt ?? Number.NaN;
  } catch {
    return Number.NaN;
  }
}

interface SegmentEnd {
  /** The last record is `closed`, and a checkpoint covers it. */
  readonly clean: boolean;
  /** End of the last line that is one. */
  readonly bytes: number;
  /** What stands behind it. */
  readonly cutBytes: number;
  readonly torn: boolean;
  /** Where the last checkpoint's line begins, 0 for the one that stands at the boundary. */
  readonly checkpointOffset: number;
}

async function replaySegment(fileSystem: FileSystem, file: SegmentFile, replay: LogReplay): Promise<SegmentEnd> {
  let [bytes, fileBytes, checkpointOffset, closed, covered, torn] = [0, 0, 0, false, false, false];
  replay.startSegment(file.number);
  for await (const { lines, offset, incompleteBytes = 0 } of readLines(fileSystem, file)) {
    fileBytes = offset;
    for (const line of lines) {
      torn ||= !file.compressed && isTorn(line, fileBytes);
      fileBytes += line.length + 1;
      if (torn) {
        replay.passOver(line);
        continue;
      }
      const taken = replay.take(line);
      covered = taken.kind === 'checkpoint';
      if (taken.kind === 'record') closed = taken.own?.log === 'closed';
      if (taken.kind === 'checkpoint' && taken.signers.length === 0) checkpointOffset = bytes;
      bytes = fileBytes;
    }
    fileBytes += incompleteBytes;
  }
  replay.settle();
  const cutBytes = fileBytes - bytes;
  return { clean: closed && covered && cutBytes === 0, bytes, cutBytes, torn, checkpointOffset };
}

/**
 * Writes again what no checkpoint vouches for, and syncs. A sync alone would not do: where an fdatasync failed before the crash, the
 * kernel may hold pages that never reached the disk and call them clean.
 */
async function makeDurable(fileSystem: FileSystem, directory: string, { path }: SegmentFile, { bytes, cutBytes, torn, checkpointOffset }: SegmentEnd): Promise<void> {
  const file = await fileSystem.open(path, 'write');
  try {
    if (cutBytes > 0 && !torn) await file.truncate(bytes);
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
