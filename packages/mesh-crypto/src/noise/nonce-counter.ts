import { MeshError } from '@lemur-bookstores/mesh-interface';
import { NONCE_BYTES, type AeadName } from '../primitives/primitives.js';

const LAST_WORD = 0xffffffff;

/** 2^64-1 is reserved for rekeying (Noise rev 34, section 5.1). */
const RESERVED = 0xffffffffffffffffn;

/**
 * Noise's counter `n` of one key, as the nonce the AEAD takes: 32 zero bits, then n in big-endian (AESGCM) or little-endian
 * (ChaChaPoly) order (rev 34, section 12). Kept in two words of 32 bits, exact to the end; a float would repeat nonces past 2^53.
 */
export class NonceCounter {
  /** The nonce of the next message. Changes in place. */
  readonly bytes = Buffer.alloc(NONCE_BYTES);
  readonly #littleEndian: boolean;
  #high = 0;
  #low = 0;

  constructor(aead: AeadName) {
    this.#littleEndian = aead === 'ChaChaPoly';
  }

  /** @throws MeshError `nonce_exhausted` once n is 2^64-1: the session must end */
  check(): void {
    if (this.#low === LAST_WORD && this.#high === LAST_WORD) throw new MeshError('nonce_exhausted', 'all nonces of this key are used');
  }

  /** n + 1. */
  advance(): void {
    this.#low = (this.#low + 1) >>> 0;
    if (this.#low === 0) this.#high = (this.#high + 1) >>> 0;
    this.#write();
  }

  get value(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  /**
   * Skips ahead.
   * @throws MeshError `invalid_option` for a smaller value, which would use nonces twice, and beyond 2^64-1
   */
  set value(next: bigint) {
    if (next < this.value || next > RESERVED) throw new MeshError('invalid_option', 'a nonce only moves forward, up to 2^64-1');
    this.#high = Number(next >> 32n);
    this.#low = Number(next & 0xffffffffn);
    this.#write();
  }

  #write(): void {
    if (this.#littleEndian) {
      this.bytes.writeUInt32LE(this.#low, 4);
      this.bytes.writeUInt32LE(this.#high, 8);
    } else {
      this.bytes.writeUInt32BE(this.#high, 4);
      this.bytes.writeUInt32BE(this.#low, 8);
    }
  }
}
