import { MeshError } from '@lemur-bookstores/mesh-interface';
import { KEY_BYTES, TAG_BYTES, type Aead } from '../primitives/primitives.js';
import { allocateSecret, copySecret } from '../primitives/secret-memory.js';
import { NonceCounter } from './nonce-counter.js';

const EMPTY = Buffer.alloc(0);
const ZEROS = Buffer.alloc(KEY_BYTES);

/** Noise messages, tag included, have at most this many bytes (rev 34, section 3). */
export const MAX_NOISE_MESSAGE_BYTES = 65535;

/** Noise's CipherState: one key, one direction, its counter (rev 34, section 5.1). */
export class CipherState {
  readonly #aead: Aead;
  readonly #key: Buffer;
  #counter: NonceCounter;
  #destroyed = false;

  /** @param key 32 bytes, copied */
  constructor(aead: Aead, key: Uint8Array) {
    this.#aead = aead;
    this.#key = copySecret(key);
    this.#counter = new NonceCounter(aead.name);
  }

  /** The counter n of the next message, from 0. Can be set forward, never back. */
  get nonce(): bigint {
    return this.#counter.value;
  }

  set nonce(next: bigint) {
    this.#counter.value = next;
  }

  /**
   * Ciphertext and tag.
   * @throws MeshError `body_too_large` where the message would exceed 65,535 bytes, `nonce_exhausted`, `session_closed`
   */
  encrypt(associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array {
    this.#check();
    if (plaintext.length > MAX_NOISE_MESSAGE_BYTES - TAG_BYTES) {
      throw new MeshError('body_too_large', 'a Noise message has at most 65,535 bytes');
    }
    const sealed = Buffer.allocUnsafe(plaintext.length + TAG_BYTES);
    this.#aead.sealInto(this.#key, this.#counter.bytes, associatedData, [plaintext], sealed, 0);
    this.#counter.advance();
    return sealed;
  }

  /**
   * The plaintext. A message that fails does not count (rev 34, section 5.1).
   * @throws MeshError `decrypt_failed`, `nonce_exhausted`, `session_closed`
   */
  decrypt(associatedData: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    this.#check();
    if (ciphertext.length > MAX_NOISE_MESSAGE_BYTES) throw new MeshError('decrypt_failed', 'longer than a Noise message can be');
    const plaintext = this.#aead.open(this.#key, this.#counter.bytes, associatedData, ciphertext);
    this.#counter.advance();
    return plaintext;
  }

  /** Replaces the key by one derived from it. The counter goes on (rev 34, sections 4.2 and 11.3). */
  rekey(): void {
    if (this.#destroyed) throw new MeshError('session_closed', 'the cipher state was wiped');
    const reserved = new NonceCounter(this.#aead.name);
    reserved.value = 0xffffffffffffffffn;
    const next = allocateSecret(KEY_BYTES + TAG_BYTES);
    this.#aead.sealInto(this.#key, reserved.bytes, EMPTY, [ZEROS], next, 0);
    this.#key.set(next.subarray(0, KEY_BYTES));
    next.fill(0);
  }

  /** Wipes the key. Safe to call twice. */
  destroy(): void {
    this.#destroyed = true;
    this.#key.fill(0);
  }

  #check(): void {
    if (this.#destroyed) throw new MeshError('session_closed', 'the cipher state was wiped');
    this.#counter.check();
  }
}
