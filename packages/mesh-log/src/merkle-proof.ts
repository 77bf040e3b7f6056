import { HASH_BYTES, nodeHash } from './leaf.js';
import { MerkleTree } from './merkle-tree.js';

/** That one leaf is in a tree. */
export interface InclusionClaim {
  /** Index of the leaf, from 0. */
  readonly index: number;
  /** Leaves of the tree. */
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
}

/** That a tree begins with all the leaves of an earlier one. */
export interface ConsistencyClaim {
  readonly size1: number;
  readonly size2: number;
  readonly root1: Uint8Array;
  readonly root2: Uint8Array;
}

/** Audit path of a leaf, lowest first (RFC 6962 2.1.1). @throws RangeError where there is no such leaf */
export function inclusionProof(leaves: readonly Buffer[], index: number): Buffer[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) throw new RangeError(`no leaf ${index} among ${leaves.length}`);
  if (leaves.length === 1) return [];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split ? [...inclusionProof(left, index), rootOf(right)] : [...inclusionProof(right, index - split), rootOf(left)];
}

/** That the tree of all `leaves` contains the tree of the first `size` (RFC 6962 2.1.2). @throws RangeError for sizes out of 1 … all */
export function consistencyProof(leaves: readonly Buffer[], size: number): Buffer[] {
  if (!Number.isInteger(size) || size < 1 || size > leaves.length) throw new RangeError(`no proof from ${size} to ${leaves.length}`);
  return subproof(leaves, size, true);
}

/** Checks an audit path (RFC 9162 2.1.3.2). Strict: hashes of another length, paths too short or too long are refused. */
export function verifyInclusion({ index, size, leaf, root }: InclusionClaim, proof: readonly Uint8Array[]): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  if (![leaf, root, ...proof].every(isHash)) return false;
  let [node, last] = [BigInt(index), BigInt(size - 1)];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0n) return false;
    if (isOdd(node) || node === last) {
      hash = nodeHash(sibling, hash);
      [node, last] = skipLevels(node, last);
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  return last === 0n && equal(hash, root);
}

/** Checks a consistency proof (RFC 9162 2.1.4.2). Strict, and nothing is ever consistent with a tree of size 0: it would say nothing. */
export function verifyConsistency({ size1, size2, root1, root2 }: ConsistencyClaim, proof: readonly Uint8Array[]): boolean {
  if (!Number.isSafeInteger(size1) || !Number.isSafeInteger(size2) || size1 < 1 || size1 > size2) return false;
  if (![root1, root2, ...proof].every(isHash)) return false;
  if (size1 === size2) return proof.length === 0 && equal(root1, root2);
  if (proof.length === 0) return false;
  let [node, last] = [BigInt(size1 - 1), BigInt(size2 - 1)];
  while (isOdd(node)) [node, last] = [node >> 1n, last >> 1n];
  // A first tree that is one full subtree is its own first hash, which the proof then leaves out.
  const [first, ...rest] = node === 0n ? [root1, ...proof] : proof;
  let [hash1, hash2] = [first as Uint8Array, first as Uint8Array];
  for (const sibling of rest) {
    if (last === 0n) return false;
    if (isOdd(node) || node === last) {
      [hash1, hash2] = [nodeHash(sibling, hash1), nodeHash(sibling, hash2)];
      [node, last] = skipLevels(node, last);
    } else {
      hash2 = nodeHash(hash2, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  return last === 0n && equal(hash1, root1) && equal(hash2, root2);
}

function subproof(leaves: readonly Buffer[], size: number, whole: boolean): Buffer[] {
  if (size === leaves.length) return whole ? [] : [rootOf(leaves)];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return size <= split ? [...subproof(left, size, whole), rootOf(right)] : [...subproof(right, size - split, false), rootOf(left)];
}

function rootOf(leaves: readonly Buffer[]): Buffer {
  const tree = MerkleTree.empty();
  for (const leaf of leaves) tree.append(leaf);
  return tree.root();
}

/** The largest power of two below `size`. */
const splitOf = (size: number): number => 2 ** Math.floor(Math.log2(size - 1));

const isOdd = (value: bigint): boolean => (value & 1n) === 1n;

/** On the right edge a subtree without a sibling is passed up as it is. */
function skipLevels(node: bigint, last: bigint): [bigint, bigint] {
  while (node !== 0n && !isOdd(node)) [node, last] = [node >> 1n, last >> 1n];
  return [node, last];
}

const isHash = (hash: Uint8Array): boolean => hash.length === HASH_BYTES;

const equal = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
