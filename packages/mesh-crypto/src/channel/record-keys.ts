import { CHANNEL_RECORD_FLAG, MeshError } from '@lemur-bookstores/mesh-interface';
import { NonceCounter } from '../noise/nonce-counter.js';
import { TAG_BYTES, type Aead } from '../primitives/primitives.js';
import type { KeyLimit } from './cryptoperiod.js';

/** The header byte in front of every record: epoch mod 16 and flags (PROTOCOL 2.2). */
export const RECORD_HEADER_BYTES = 1;

/** What a record adds to its plaintext, in bytes. */
export const RECORD_OVERHEAD_BYTES = RECORD_HEADER_BYTES + TAG_BYTES;

/** The part of the header byte that is the epoch's. */
export const EPOCH_MASK = 0x0f;

/** Control records that pass beyond a hard limit (PROTOCOL 3.10). */
const MAX_OVERDRAFT = 16;

export interface RecordKeysOptions {
  /** u32. Default 0. */
  readonly epoch?: number;
  /** When the key was derived, monotonic, in ms. Default 0. */
  readonly since?: number;
  /** For tests. Default: begins at 0. */
  readonly counter?: NonceCounter;
}

/** The key of one direction in one epoch, with its nonce, what it has been used for and how far it may be (PROTOCOL 2.2, 3.10). */
export class RecordKeys {
  /** The epoch's half of the header byte. */
  readonly header: number;
  /** When the key was derived, monotonic, in ms. */
  readonly since: number;
  readonly #aead: Aead;
  readonly #key: Buffer;
  readonly #counter: NonceCounter;
  readonly #authenticated = Buffer.alloc(RECORD_HEADER_BYTES);
  #records = 0;
  #bytes = 0;
  /** The next limit that counts: looked at after each record. */
  #recordsMark = Infinity;
  #bytesMark = Infinity;
  #soft: KeyLimit | undefined;
  #hard: KeyLimit | undefined;
  #onMark: () => void = () => undefined;
  #due: 'records' | 'bytes' | undefined;
  #expired = false;
  #used = false;
  #overdraft = 0;

  /** @param key 32 bytes from `allocateSecret`, from now on this object's to wipe */
  constructor(aead: Aead, key: Buffer, { epoch = 0, since = 0, counter = new NonceCounter(aead.name) }: RecordKeysOptions = {}) {
    this.header = epoch & EPOCH_MASK;
    this.since = since;
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

  /** The soft limit it has reached. */
  get due(): 'records' | 'bytes' | undefined {
    return this.#due;
  }

  /** It seals and opens no data any more: a hard limit is reached. */
  get expired(): boolean {
    return this.#expired;
  }

  /** Expired by records or bytes, not by age. */
  get used(): boolean {
    return this.#used;
  }

  /**
   * Sets limits of records and bytes, in place of earlier ones; what has been used counts.
   * @param onMark called once for each limit that is reached, in the middle of sealing or opening: it must do neither
   */
  limit(soft: KeyLimit, hard: KeyLimit, onMark: () => void): void {
    this.#soft = soft;
    this.#hard = hard;
    this.#onMark = onMark;
    this.#due = undefined;
    this.#mark();
  }

  /** Its age has reached the hard limit. */
  expire(): void {
    this.#expired = true;
  }

  /**
   * `header || ciphertext || tag`, in one buffer.
   * @param length of all parts together
   * @param target where to write it; shorter ones than it needs are not used
   * @throws MeshError `nonce_exhausted`, `key_expired`
   */
  seal(flags: number, parts: readonly Uint8Array[], length: number, target?: Buffer): Buffer {
    if (this.#expired) this.#checkOverdraft(flags);
    this.#counter.check();
    const bytes = length + RECORD_OVERHEAD_BYTES;
    const record = target !== undefined && target.length >= bytes ? target.subarray(0, bytes) : Buffer.allocUnsafe(bytes);
    record[0] = this.#authenticated[0] = flags | this.header;
    this.#aead.sealInto(this.#key, this.#counter.bytes, this.#authenticated, parts, record, RECORD_HEADER_BYTES);
    this.#count(length);
    return record;
  }

  /**
   * The plaintext of a record of at least {@link RECORD_OVERHEAD_BYTES}.
   * @throws MeshError `decrypt_failed`, `nonce_exhausted`, `key_expired`
   */
  open(record: Uint8Array): Buffer {
    const header = record[0] ?? 0;
    if (this.#expired) this.#checkOverdraft(header);
    this.#counter.check();
    this.#authenticated[0] = header;
    const plaintext = this.#aead.open(this.#key, this.#counter.bytes, this.#authenticated, record.subarray(RECORD_HEADER_BYTES));
    this.#count(plaintext.length);
    return plaintext;
  }

  /** Fills the key with zeros. Not to be used afterwards; what it counted stays. */
  destroy(): void {
    this.#key.fill(0);
  }

  #count(bytes: number): void {
    this.#counter.advance();
    this.#records++;
    this.#bytes += bytes;
    if (this.#records >= this.#recordsMark || this.#bytes >= this.#bytesMark) {
      this.#mark();
      this.#onMark();
    }
  }

  /** Notes which limits are reached, and looks out for the next. */
  #mark(): void {
    const [soft, hard] = [this.#soft, this.#hard];
    if (soft === undefined || hard === undefined) return;
    if (this.#records >= hard.records || this.#bytes >= hard.bytes) this.#used = this.#expired = true;
    if (this.#records >= soft.records) this.#due ??= 'records';
    if (this.#bytes >= soft.bytes) this.#due ??= 'bytes';
    const next = this.#due === undefined ? soft : hard;
    const over = this.#due !== undefined && this.#expired;
    this.#recordsMark = over ? Infinity : next.records;
    this.#bytesMark = over ? Infinity : next.bytes;
  }

  #checkOverdraft(header: number): void {
    if ((header & CHANNEL_RECORD_FLAG) !== 0 && this.#overdraft++ < MAX_OVERDRAFT) return;
    throw new MeshError('key_expired', `a record key is past its limit after ${this.#records} records and ${this.#bytes} bytes`);
  }
}
