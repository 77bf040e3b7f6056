import { leafHash } from './leaf.js';
import type { MerkleTree } from './merkle-tree.js';
import { recordPrefix } from './record.js';

/** Longest prefix: 16 digits, a base64 hash, and what stands around them. */
const MAX_PREFIX_BYTES = 96;
const COMMA = 0x2c;
const CLOSING_BRACE = 0x7d;
const NEWLINE = 0x0a;

/** The end of a log: where the next record chains on. */
export interface LogEnd {
  readonly tree: MerkleTree;
  readonly previousLeaf: string;
}

/** Encodes records as lines, each chained to the one before, and moves a copy of the log's end along: a commit that fails leaves the end as it was. */
export function encodeBatch(end: LogEnd, front: string, records: readonly string[], recordBytes: number): { readonly bytes: Buffer; readonly end: LogEnd } {
  const tree = end.tree.clone();
  let { previousLeaf } = end;
  const bytes = Buffer.allocUnsafe(3 * front.length + recordBytes + records.length * (MAX_PREFIX_BYTES + 1));
  let position = bytes.write(front, 0);
  for (const json of records) {
    const start = position;
    position += bytes.write(recordPrefix(tree.size, previousLeaf), position, 'latin1');
    const brace = position;
    position += bytes.write(json, position);
    // The prefix opened the object: the event's own brace becomes the comma between them, and an event without members adds none.
    if (json === '{}') bytes[(position = brace + 1) - 1] = CLOSING_BRACE;
    else bytes[brace] = COMMA;
    const leaf = leafHash(bytes.subarray(start, position));
    tree.append(leaf);
    previousLeaf = leaf.toString('base64');
    bytes[position++] = NEWLINE;
  }
  return { bytes: bytes.subarray(0, position), end: { tree, previousLeaf } };
}
