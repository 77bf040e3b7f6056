import { NonceCounter } from '../noise/nonce-counter.js';
import { TAG_BYTES, type Aead } from '../primitives/primitives.js';

/** The header byte in front of every record: epoch mod 16 and flags (PROTOCOL 2.2). */
export const RECORD_HEADER_BYTES = 1;

/** What a record adds to its plaintext, in bytes. */
export const RECORD_OVERHEAD_BYTES = RECORD_HEADER_BYTES + TAG_BYTES;

/** The key of one direction in one epoch, with its nonce and what it has been used for (PROTOCOL 2.2, 3.10). */
export class RecordKeys {
  readonly #aead: Aead;
  readonly #key: Buffer;
  readonly #counter: NonceCounter;
  readonly #header = Buffer.alloc(RECORD_HEADER_BYTES);
  #records = 0;
  #bytes = 0;

  /** @param key 32 bytes from `allocateSecret`, from now on this object's to wipe */
  constructor(aead: Aead, key: Buffer, counter = new NonceCounter(aead.name)) {
    this.#aead = aead;
    this.#key = key;
    this.#counter = counter;
  }

  /** How many records it has sealed or opened. */
  get records(): number {
    return this.#records;
  }

  /** How many bytes of plaintext it has sealed or opened. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * `header || ciphertext || tag`, in one buffer.
   * @param length of all parts together
   * @param target where to write it; shorter ones than it needs are not used
   * @throws MeshError `nonce_exhausted`
   */
  seal(header: number, parts: readonly Uint8Array[], length: number, target?: Buffer): Buffer {
    this.#counter.check();
    const bytes = length + RECORD_OVERHEAD_BYTES;
    const record = target !== undefined && target.length >= bytes ? target.subarray(0, bytes) : Buffer.allocUnsafe(bytes);
    record[0] = this.#header[0] = header;
    this.#aead.sealInto(this.#key, this.#counter.bytes, this.#header, parts, record, RECORD_HEADER_BYTES);
    this.#count(length);
    return record;
  }

  /**
   * The plaintext of a record of at least {@link RECORD_OVERHEAD_BYTES}.
   * @throws MeshError `decrypt_failed`, `nonce_exhausted`
   */
  open(record: Uint8Array): Buffer {
    this.#counter.check();
    this.#header[0] = record[0] ?? 0;
    const plaintext = this.#aead.open(this.#key, this.#counter.bytes, this.#header, record.subarray(RECORD_HEADER_BYTES));
    this.#count(plaintext.length);
    return plaintext;
  }

  /** Fills the key with zeros. Not to be used afterwards. */
  destroy(): void {
    this.#key.fill(0);
  }

  #count(bytes: number): void {
    this.#counter.advance();
    this.#records++;
    this.#bytes += bytes;
  }
}
