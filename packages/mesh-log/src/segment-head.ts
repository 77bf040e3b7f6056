import type { FileSystem } from './file-system.js';
import { ownRecord, recordPrefix } from './record.js';
import { parseHeader, type SegmentFile, type SegmentHeader } from './segment.js';
import { readLines } from './segment-lines.js';
import { isTorn } from './torn-line.js';

/** The beginning of a segment: enough to place it in its log without reading it. */
export interface SegmentHead {
  readonly file: SegmentFile;
  readonly header: SegmentHeader;
  /** When it began, ms since 1970: when the one before was closed. */
  readonly openedAt: number;
}

/** Header, checkpoint, first record. */
const LINES = 3;
const FIRST_RECORD = ',"log":"segment",';

/**
 * Reads a segment's beginning; `undefined` where it never got to its first record: its creation was cut off, or torn by a loss of power.
 * Checks the form alone.
 * @throws MeshError `log_tampered`
 */
export async function readHead(fileSystem: FileSystem, file: SegmentFile): Promise<SegmentHead | undefined> {
  const lines: Buffer[] = [];
  let [isWhole, isAll] = [true, false];
  for await (const batch of readLines(fileSystem, file)) {
    let { offset } = batch;
    for (const line of batch.lines.slice(0, LINES + 1 - lines.length)) {
      if (lines.length < LINES && isTorn(line, offset)) isWhole = false;
      lines.push(line);
      offset += line.length + 1;
    }
    isAll = batch.incompleteBytes === 0 && lines.length === LINES;
    if (lines.length > LINES || (lines.length === LINES && isWhole)) break;
  }
  const [first, , third] = lines;
  if (first === undefined || third === undefined) return undefined;
  // Where more stands behind it, the beginning was synced before. A newline may be lost, too.
  if (!isWhole && isAll && (third.includes(0) || third.includes(FIRST_RECORD))) return undefined;
  const header = parseHeader(first);
  const own = ownRecord(third, recordPrefix(header.first, header.prev).length);
  return { file, header, openedAt: own === undefined ? Number.NaN : Date.parse(own.time) };
}

/** One of a log's segments. */
export interface SegmentPlace {
  readonly file: SegmentFile;
  /** Index of its first record. */
  readonly first: number;
  /**
   * Until when records came into it, ms since 1970, by the latest time that the log had seen by then: the clock may have been wrong when the
   * next one began. Infinite for the last one, and where the clock went back while it was written: nothing says how far it had come.
   */
  readonly endedAt: number;
}

/** Where a log's records are. */
export interface LogLayout {
  /** Oldest first. */
  readonly segments: readonly SegmentPlace[];
  /** In bytes, by number: where those end that were given up, which a later header says. */
  readonly ends: ReadonlyMap<number, number>;
}

/**
 * Reads the beginnings of a log's segments. Files without one are left out: they hold no record, whether they are on their way into being,
 * were given up, or were emptied; a record that is missing shows in the indices.
 * @param read {@link readHead}, or what stands for it
 * @throws MeshError `log_tampered`
 */
export async function readLayout(files: readonly SegmentFile[], read: (file: SegmentFile) => Promise<SegmentHead | undefined>): Promise<LogLayout> {
  const numbers = new Set(files.map(({ number }) => number));
  const ends = new Map<number, number>();
  const segments: SegmentPlace[] = [];
  let [latest, openedBefore] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const file of files) {
    const head = await read(file);
    if (head === undefined) continue;
    if (head.openedAt > latest) latest = head.openedAt;
    const before = segments.at(-1);
    if (before !== undefined && head.openedAt >= openedBefore) segments[segments.length - 1] = { ...before, endedAt: latest };
    openedBefore = head.openedAt;
    segments.push({ file, first: head.header.first, endedAt: Number.POSITIVE_INFINITY });
    // Headers may say what they like: no more is kept of them than there are files.
    for (const { segment, bytes } of head.header.abandoned) if (numbers.has(segment)) ends.set(segment, bytes);
  }
  return { segments, ends };
}
