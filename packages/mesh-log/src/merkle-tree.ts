import { MeshError } from '@lemur-bookstores/mesh-interface';
import { emptyRoot, HASH_BYTES, nodeHash } from './leaf.js';

/**
 * The Merkle tree of RFC 6962 as its compact range: the roots of the full subtrees that its leaves fall into, largest first. At most
 * 53 hashes, enough to append leaves and to give the root of every size it passes through.
 */
export class MerkleTree {
  #size: number;
  readonly #range: Buffer[];

  private constructor(size: number, range: Buffer[]) {
    this.#size = size;
    this.#range = range;
  }

  static empty(): MerkleTree {
    return new MerkleTree(0, []);
  }

  /**
   * @param range as {@link range} gave it; one hash for each bit that is set in `size`
   * @throws MeshError `log_tampered` where the two do not fit together
   */
  static fromRange(size: number, range: readonly Uint8Array[]): MerkleTree {
    if (!Number.isSafeInteger(size) || size < 0) throw new MeshError('log_tampered', `${size} is no tree size`);
    const fits = range.length === subtreesOf(size) && range.every((hash) => hash.length === HASH_BYTES);
    if (!fits) throw new MeshError('log_tampered', `a compact range of ${range.length} hashes does not fit a tree of ${size} leaves`);
    return new MerkleTree(size, range.map((hash) => Buffer.from(hash)));
  }

  /** How many leaves. */
  get size(): number {
    return this.#size;
  }

  get range(): readonly Buffer[] {
    return this.#range;
  }

  append(leaf: Buffer): void {
    let hash = leaf;
    // Each trailing 1 bit of the size is a full subtree that the new leaf completes to one twice as large.
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) hash = nodeHash(this.#range.pop() as Buffer, hash);
    this.#range.push(hash);
    this.#size += 1;
  }

  root(): Buffer {
    let root = this.#range.at(-1) ?? emptyRoot();
    for (let index = this.#range.length - 2; index >= 0; index--) root = nodeHash(this.#range[index] as Buffer, root);
    return root;
  }

  /** A tree that goes its own way from here. Cheap: hashes are shared, they never change. */
  clone(): MerkleTree {
    return new MerkleTree(this.#size, [...this.#range]);
  }
}

function subtreesOf(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
