import { join } from 'node:path';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { FileSystem } from './file-system.js';
import { HASH_BYTES } from './leaf.js';
import type { MerkleTree } from './merkle-tree.js';
import { strictBase64 } from './signed-note.js';

const NAME = /^audit-(\d{8,15})\.jsonl(\.gz)?$/;
const FORMAT = 1;

/** One segment's file. */
export interface SegmentFile {
  /** Counts up from 1 over the files of a log; a number may be missing where no record was acknowledged in it. */
  readonly number: number;
  /** Without `.gz`, compressed or not. */
  readonly name: string;
  readonly path: string;
  readonly compressed: boolean;
}

/** A segment that was given up after a failed sync: what lies behind `bytes` in it was never acknowledged and is no part of the log. */
export interface AbandonedSegment {
  readonly segment: number;
  readonly bytes: number;
}

/** First line of a segment. Nothing in it is free: it all follows from the log before, or is bound by the record after it. */
export interface SegmentHeader {
  /** Number of the segment. */
  readonly segment: number;
  readonly origin: string;
  /** Verifier key in force where the segment begins. */
  readonly key: string;
  /** Index of the first record. */
  readonly first: number;
  /** Base64 leaf of the record before. */
  readonly prev: string;
  /** Base64 compact range of the tree before: gives the root of all earlier records. */
  readonly range: readonly string[];
  readonly abandoned: readonly AbandonedSegment[];
}

export const segmentName = (number: number): string => `audit-${String(number).padStart(8, '0')}.jsonl`;

/** The header for the next segment of a log. */
export const nextHeader = (
  number: number,
  { origin, key, tree, previousLeaf, abandoned }: { origin: string; key: string; tree: MerkleTree; previousLeaf: string; abandoned: readonly AbandonedSegment[] },
): SegmentHeader => ({ segment: number, origin, key, first: tree.size, prev: previousLeaf, range: tree.range.map((hash) => hash.toString('base64')), abandoned });

/** The header's line, without a newline. */
export const formatHeader = ({ segment, origin, key, first, prev, range, abandoned }: SegmentHeader): string =>
  JSON.stringify({ format: FORMAT, segment, origin, key, first, prev, range, abandoned: abandoned.map(({ segment: number, bytes }) => ({ segment: number, bytes })) });

/** @throws MeshError `log_tampered` for a line in any other form than {@link formatHeader} gives */
export function parseHeader(line: Buffer): SegmentHeader {
  const text = line.toString();
  try {
    const header = JSON.parse(text) as SegmentHeader & { format: number };
    // Later formats are told apart from damage as soon as there is one.
    if (header.format === FORMAT && isWellFormed(header) && formatHeader(header) === text) return header;
  } catch {
    // Falls through to the same answer.
  }
  throw new MeshError('log_tampered', 'the header of a segment has been altered');
}

/** Of what JSON gave: in a log that was altered anything may stand there. */
function isWellFormed({ segment, origin, key, first, prev, range, abandoned }: SegmentHeader): boolean {
  const texts = [origin, key].every((text) => typeof text === 'string');
  const hashes = [prev, ...range].every((text) => typeof text === 'string' && strictBase64(text)?.length === HASH_BYTES);
  return texts && hashes && isCount(segment, 1) && isCount(first, 0) && abandoned.every(({ segment: number, bytes }) => isCount(number, 1) && isCount(bytes, 0));
}

const isCount = (value: unknown, least: number): boolean => Number.isSafeInteger(value) && (value as number) >= least;

/** The segments in a folder, oldest first. Where one is there plain and compressed, the plain one wins (PROTOCOL 7.7). */
export async function listSegments(fileSystem: FileSystem, directory: string): Promise<SegmentFile[]> {
  const files = new Map<number, SegmentFile>();
  for (const entry of await fileSystem.list(directory)) {
    const [, digits, gzip = ''] = NAME.exec(entry) ?? [];
    const number = Number(digits);
    // One name for each number: with more digits than it needs it would take the place of the one that is meant.
    if (!(number > 0) || entry !== segmentName(number) + gzip) continue;
    const file: SegmentFile = { number, name: segmentName(number), path: join(directory, entry), compressed: gzip !== '' };
    if (!file.compressed || !files.has(file.number)) files.set(file.number, file);
  }
  return [...files.values()].sort((one, other) => one.number - other.number);
}
