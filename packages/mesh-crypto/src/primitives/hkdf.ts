import type { HashFunction } from './primitives.js';
import { allocateSecret } from './secret-memory.js';

/**
 * HKDF (RFC 5869) over one of our hash functions. Noise's `HKDF(chaining_key, input, n)` is this with the chaining key as salt, an
 * empty info and n outputs' length (rev 34, section 4.3). What lies in between is wiped.
 * @param length in bytes, at most 255 times the hash's output
 * @returns memory of its own, for the caller to wipe
 */
export function hkdf(hash: HashFunction, salt: Uint8Array, inputKey: Uint8Array, info: Uint8Array, length: number): Buffer {
  const pseudoRandomKey = hash.hmac(salt, inputKey);
  const blocks = Math.ceil(length / hash.outputBytes);
  const output = allocateSecret(blocks * hash.outputBytes);
  let previous: Buffer = Buffer.alloc(0);
  for (let block = 0; block < blocks; block++) {
    const next = hash.hmac(pseudoRandomKey, previous, info, Uint8Array.of(block + 1));
    previous.fill(0);
    output.set(next, block * hash.outputBytes);
    previous = next;
  }
  previous.fill(0);
  pseudoRandomKey.fill(0);
  output.fill(0, length);
  return output.subarray(0, length);
}
