import { hkdf } from '../primitives/hkdf.js';
import { KEY_BYTES, type Aead, type HashFunction } from '../primitives/primitives.js';
import { copySecret } from '../primitives/secret-memory.js';
import { CipherState } from './cipher-state.js';

const EMPTY = Buffer.alloc(0);

/** Noise's SymmetricState: chaining key, handshake hash, and the cipher of the handshake (rev 34, section 5.2). */
export class SymmetricState {
  readonly #aead: Aead;
  readonly #hash: HashFunction;
  readonly #chainingKey: Buffer;
  #handshakeHash: Buffer;
  #cipher: CipherState | undefined;

  constructor(protocolName: string, aead: Aead, hash: HashFunction) {
    this.#aead = aead;
    this.#hash = hash;
    const name = Buffer.from(protocolName, 'ascii');
    // A name that fits is padded with zeros, a longer one hashed (rev 34, section 5.2).
    this.#handshakeHash = name.length > hash.outputBytes ? hash.digest(name) : Buffer.concat([name], hash.outputBytes);
    this.#chainingKey = copySecret(this.#handshakeHash);
  }

  /** `h`, 32 or 64 bytes, in a copy. */
  get handshakeHash(): Buffer {
    return Buffer.from(this.#handshakeHash);
  }

  /** Whether a key has been mixed in, so that what follows is encrypted. */
  get hasKey(): boolean {
    return this.#cipher !== undefined;
  }

  mixHash(data: Uint8Array): void {
    this.#handshakeHash = this.#hash.digest(this.#handshakeHash, data);
  }

  mixKey(inputKey: Uint8Array): void {
    this.#derive(inputKey, 2, (output) => this.#setCipherKey(output(1)));
  }

  /** For pre-shared keys: changes key and hash (rev 34, section 9.1). */
  mixKeyAndHash(inputKey: Uint8Array): void {
    this.#derive(inputKey, 3, (output) => {
      this.mixHash(output(1));
      this.#setCipherKey(output(2));
    });
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#cipher?.encrypt(this.#handshakeHash, plaintext) ?? plaintext;
    this.mixHash(ciphertext);
    return ciphertext;
  }

  decryptAndHash(ciphertext: Uint8Array): Uint8Array {
    const plaintext = this.#cipher?.decrypt(this.#handshakeHash, ciphertext) ?? Buffer.from(ciphertext);
    this.mixHash(ciphertext);
    return plaintext;
  }

  /**
   * Noise's Split, and a third output that seeds later rekeys (PROTOCOL 2.1): HKDF's first two outputs are the same either way.
   * Wipes the chaining key.
   * @returns three keys of 32 bytes in memory of their own: initiator to responder, responder to initiator, rekey secret
   */
  split(): [Buffer, Buffer, Buffer] {
    const output = hkdf(this.#hash, this.#chainingKey, EMPTY, EMPTY, 3 * this.#hash.outputBytes);
    const key = (index: number): Buffer => copySecret(output.subarray(index * this.#hash.outputBytes).subarray(0, KEY_BYTES));
    const keys: [Buffer, Buffer, Buffer] = [key(0), key(1), key(2)];
    output.fill(0);
    this.destroy();
    return keys;
  }

  /** Wipes all keys; the handshake hash is no secret and stays. */
  destroy(): void {
    this.#chainingKey.fill(0);
    this.#cipher?.destroy();
  }

  /** Output 0 is the next chaining key; the others are valid until `use` returns. */
  #derive(inputKey: Uint8Array, outputs: 2 | 3, use: (output: (index: number) => Buffer) => void): void {
    const length = this.#hash.outputBytes;
    const derived = hkdf(this.#hash, this.#chainingKey, inputKey, EMPTY, outputs * length);
    this.#chainingKey.set(derived.subarray(0, length));
    use((index) => derived.subarray(index * length, (index + 1) * length));
    derived.fill(0);
  }

  #setCipherKey(key: Buffer): void {
    this.#cipher?.destroy();
    this.#cipher = new CipherState(this.#aead, key.subarray(0, KEY_BYTES)); // 64-byte hashes: truncated
  }
}
