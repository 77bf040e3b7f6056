import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { emptyRoot, leafHash, nodeHash, sha256 } from '../src/leaf.js';
import { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from '../src/merkle-proof.js';
import { MerkleTree } from '../src/merkle-tree.js';

type HashVector = { op: string; in?: string; left?: string; right?: string; out: string };
type ProofVector = { name: string; kind: 'inclusion' | 'consistency'; wantErr: boolean; proof: string[] | null } & Record<string, unknown>;
const { hashes, tests } = JSON.parse(readFileSync(new URL('vectors/merkle-rfc6962.json', import.meta.url), 'utf8')) as { hashes: HashVector[]; tests: ProofVector[] };
const base64 = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : '', 'base64');
const leaves = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));
const treeOf = (hashed: readonly Buffer[]): MerkleTree => {
  const tree = MerkleTree.empty();
  for (const leaf of hashed) tree.append(leaf);
  return tree;
};

/** MTH of RFC 6962 2.1, word for word. */
function referenceRoot(hashed: readonly Buffer[]): Buffer {
  if (hashed.length === 0) return emptyRoot();
  if (hashed.length === 1) return hashed[0] as Buffer;
  let split = 1;
  while (split * 2 < hashed.length) split *= 2;
  return nodeHash(referenceRoot(hashed.slice(0, split)), referenceRoot(hashed.slice(split)));
}

describe('hashes of RFC 6962', () => {
  test('the vectors are all there', () => expect([hashes.length, tests.length]).toEqual([4, 98]));

  test.each(hashes)('$op $in', ({ op, in: input = '', left = '', right = '', out }) => {
    const node = sha256(Buffer.concat([Buffer.of(1), Buffer.from(left, 'hex'), Buffer.from(right, 'hex')]));
    const results: Record<string, Buffer> = { 'empty-root': emptyRoot(), leaf: leafHash(Buffer.from(input, 'hex')), node };
    expect(results[op]?.toString('hex')).toBe(out);
  });

  test('a node is the hash of 01 and two hashes', () => {
    const [left, right] = leaves(2) as [Buffer, Buffer];
    expect(nodeHash(left, right)).toEqual(sha256(Buffer.concat([Buffer.of(1), left, right])));
  });

  test('a leaf longer than every one before', () => {
    const long = Buffer.alloc(100_000, 7);
    expect(leafHash(long)).toEqual(leafHash(Buffer.from(long)));
    expect(leafHash(long)).not.toEqual(leafHash(Buffer.alloc(99_999, 7)));
  });
});

describe('proofs of transparency-dev/merkle', () => {
  test.each(tests)('$name: $desc', (vector) => {
    const proof = (vector.proof ?? []).map(base64);
    const good =
      vector.kind === 'inclusion'
        ? verifyInclusion({ index: vector['leafIdx'] as number, size: vector['treeSize'] as number, leaf: base64(vector['leafHash']), root: base64(vector['root']) }, proof)
        : verifyConsistency({ size1: vector['size1'] as number, size2: vector['size2'] as number, root1: base64(vector['root1']), root2: base64(vector['root2']) }, proof);
    expect(good).toBe(!vector.wantErr);
  });
});

describe('compact range', () => {
  test('gives the root of every size from 0 to 70, from any size it is continued from', () => {
    const all = leaves(70);
    for (let size = 0; size <= 70; size++) {
      const whole = treeOf(all.slice(0, size));
      expect(whole.root()).toEqual(referenceRoot(all.slice(0, size)));
      const continued = MerkleTree.fromRange(size, whole.range);
      for (const leaf of all.slice(size)) continued.append(leaf);
      expect(continued.root()).toEqual(referenceRoot(all));
    }
  });

  test('a clone goes its own way', () => {
    const tree = treeOf(leaves(5));
    const clone = tree.clone();
    clone.append(leafHash(Buffer.alloc(1)));
    expect(tree.root()).toEqual(referenceRoot(leaves(5)));
    expect(clone.size).toBe(6);
  });

  test.each([
    [5, 1],
    [5, 3],
    [0, 1],
    [-1, 0],
    [2 ** 60, 1],
    [1.5, 1],
  ])('%d leaves are no range of %d hashes', (size, count) => {
    expect(() => MerkleTree.fromRange(size, leaves(count))).toThrow(/^log_tampered/);
  });

  test('hashes of another length are refused', () => expect(() => MerkleTree.fromRange(1, [Buffer.alloc(31)])).toThrow(/^log_tampered/));
});

test('every proof made is accepted, and no other leaf, root, size or shortened proof', () => {
  const sizes = fc.integer({ min: 1, max: 80 }).chain((size) => fc.tuple(fc.constant(size), fc.nat({ max: size - 1 }), fc.integer({ min: 1, max: size })));
  fc.assert(
    fc.property(sizes, ([size, index, earlier]) => {
      const all = leaves(size);
      const [leaf, root] = [all[index] as Buffer, referenceRoot(all)];
      const path = inclusionProof(all, index);
      expect(verifyInclusion({ index, size, leaf, root }, path)).toBe(true);
      expect(verifyInclusion({ index, size, leaf: leafHash(leaf), root }, path)).toBe(false);
      expect(verifyInclusion({ index: index + 1, size, leaf, root }, path)).toBe(false);
      if (path.length > 0) expect(verifyInclusion({ index, size, leaf, root }, path.slice(1))).toBe(false);
      const claim = { size1: earlier, size2: size, root1: referenceRoot(all.slice(0, earlier)), root2: root };
      const proof = consistencyProof(all, earlier);
      expect(verifyConsistency(claim, proof)).toBe(true);
      expect(verifyConsistency({ ...claim, root1: leafHash(root) }, proof)).toBe(false);
      expect(verifyConsistency({ ...claim, size1: 0 }, proof)).toBe(false);
      expect(verifyConsistency(claim, [...proof, root])).toBe(false);
    }),
    { numRuns: 60 },
  );
  expect(() => inclusionProof(leaves(3), 3)).toThrow(RangeError);
  expect(() => consistencyProof(leaves(3), 0)).toThrow(RangeError);
});
