const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Where a text falls between 0 and 1: always the same for the same text and seed, evenly spread over different texts. FNV-1a with the
 * finalizer of MurmurHash3, which spreads what FNV leaves uneven in the high bits. Not a cryptographic hash: with a seed that others do not
 * know they cannot tell where a text falls, as long as they cannot watch many.
 */
export class SampleHash {
  readonly #seeded: number;

  constructor(seed: string) {
    this.#seeded = mix(FNV_OFFSET, seed);
  }

  /** @returns at least 0, less than 1 */
  of(text: string): number {
    let hash = mix(this.#seeded, text);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
  }
}

function mix(start: number, text: string): number {
  let hash = start;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  return hash;
}
