import type { FileSystem } from './file-system.js';
import { ownRecord, recordPrefix } from './record.js';
import { parseHeader, type SegmentFile, type SegmentHeader } from './segment.js';
import { readLines } from './segment-lines.js';

/** The beginning of a segment: enough to place it in its log without reading it. */
export interface SegmentHead {
  readonly file: SegmentFile;
  readonly header: SegmentHeader;
  /** When it began, ms since 1970: when the one before was closed. */
  readonly openedAt: number;
}

/** Header, checkpoint, first record. */
const LINES = 3;

/** Reads a segment's beginning; `undefined` where it never got to its first record. Checks the form alone. @throws MeshError `log_tampered` */
export async function readHead(fileSystem: FileSystem, file: SegmentFile): Promise<SegmentHead | undefined> {
  const lines: Buffer[] = [];
  for await (const batch of readLines(fileSystem, file)) {
    lines.push(...batch.lines.slice(0, LINES - lines.length));
    if (lines.length === LINES) break;
  }
  const [first, , third] = lines;
  if (first === undefined || third === undefined) return undefined;
  const header = parseHeader(first);
  const own = ownRecord(third, recordPrefix(header.first, header.prev).length);
  return { file, header, openedAt: own === undefined ? Number.NaN : Date.parse(own.time) };
}

/**
 * The beginnings of a log's segments, oldest first. Files without one are left out: they hold no record, whether they are on their way
 * into being, were given up, or were emptied; a record that is missing shows in the indices.
 * @throws MeshError `log_tampered`
 */
export async function readHeads(fileSystem: FileSystem, files: readonly SegmentFile[]): Promise<SegmentHead[]> {
  const heads: SegmentHead[] = [];
  for (const file of files) {
    const head = await readHead(fileSystem, file);
    if (head !== undefined) heads.push(head);
  }
  return heads;
}

/** Where the segments end that were given up: a later header says so. */
export function endsOf(heads: readonly SegmentHead[]): ReadonlyMap<number, number> {
  return new Map(heads.flatMap(({ header }) => header.abandoned.map(({ segment, bytes }) => [segment, bytes] as const)));
}
