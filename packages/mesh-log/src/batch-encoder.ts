import { leafInPlace } from './leaf.js';
import type { MerkleTree } from './merkle-tree.js';
import { recordPrefix } from './record.js';

/** Longest prefix: 16 digits, a base64 hash, and what stands around them. */
const MAX_PREFIX_BYTES = 96;
const NEWLINE = 0x0a;

/** The end of a log: where the next record chains on. */
export interface LogEnd {
  readonly tree: MerkleTree;
  readonly previousLeaf: string;
}

/** Records as they go to the disk. */
export interface EncodedBatch {
  readonly bytes: Buffer;
  /** The log's end behind them. Works out their part of the tree: to be called while the disk is at work. */
  readonly end: () => LogEnd;
}

/**
 * Encodes records as lines, each chained to the one before. Leaves the log's end as it was: a commit may fail.
 * @param front what stands before them
 * @param recordBytes how many bytes the records have
 */
export function encodeBatch({ tree, previousLeaf }: LogEnd, front: string, records: readonly string[], recordBytes: number): EncodedBatch {
  const leaves: string[] = [];
  let previous = previousLeaf;
  const bytes = Buffer.allocUnsafe(1 + 3 * front.length + recordBytes + records.length * (MAX_PREFIX_BYTES + 1));
  let position = 1 + bytes.write(front, 1);
  for (const json of records) {
    const start = position;
    const prefix = recordPrefix(tree.size + leaves.length, previous);
    // The prefix opened the object: the event's own brace becomes the comma between them, and an event without members adds none.
    position += bytes.write(json === '{}' ? `${prefix}}` : `${prefix},${json.slice(1)}`, position);
    previous = leafInPlace(bytes, start, position);
    leaves.push(previous);
    bytes[position++] = NEWLINE;
  }
  const end = (): LogEnd => {
    const grown = tree.clone();
    for (const leaf of leaves) grown.append(Buffer.from(leaf, 'base64'));
    return { tree: grown, previousLeaf: previous };
  };
  return { bytes: bytes.subarray(1, position), end };
}
