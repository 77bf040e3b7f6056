/** AEADs by Noise's names. AESGCM is AES-256-GCM. */
export type AeadName = 'AESGCM' | 'ChaChaPoly';

/** Hash functions by Noise's names. */
export type HashName = 'SHA256' | 'SHA512' | 'BLAKE2s' | 'BLAKE2b';

/** Length of AEAD keys, of X25519 keys and of X25519 shared secrets, in bytes. */
export const KEY_BYTES = 32;

/** Length of AEAD nonces, in bytes. */
export const NONCE_BYTES = 12;

/** Length of AEAD tags, in bytes: never shorter, whatever the peer sends. */
export const TAG_BYTES = 16;

/** An authenticated cipher with a 32-byte key, a 12-byte nonce and a 16-byte tag. Stateless: nonces are the caller's. */
export interface Aead {
  readonly name: AeadName;
  /**
   * Encrypts the pieces of a plaintext, one after the other, into `target`: the ciphertext from `offset` on, then the tag.
   * @param target has room for `offset`, the plaintext and the tag; must not overlap a piece
   */
  sealInto(
    key: Uint8Array,
    nonce: Uint8Array,
    associatedData: Uint8Array,
    parts: readonly Uint8Array[],
    target: Buffer,
    offset: number,
  ): void;
  /**
   * Checks the tag and returns the plaintext in memory of its own.
   * @throws MeshError `decrypt_failed`
   */
  open(key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array): Buffer;
}

/** A hash function and the HMAC over it. */
export interface HashFunction {
  readonly name: HashName;
  /** Length of a digest and of a MAC: 32 or 64 bytes. */
  readonly outputBytes: number;
  /** Hashes the pieces, one after the other. */
  digest(...parts: readonly Uint8Array[]): Buffer;
  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer;
}

/** An X25519 key pair whose private half never leaves it and is never printed. */
export interface KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * X25519 with a peer's raw public key: 32 bytes, for the caller to wipe.
   * @throws MeshError `invalid_key` for a key that is not 32 bytes, has low order (an all-zero result), or after `destroy()`
   */
  dh(theirPublicKey: Uint8Array): Buffer;
  /** Forgets the private key. Safe to call twice. */
  destroy(): void;
}

/** The two implementations. */
export type PrimitivesName = 'node' | 'noble';

/** The cryptography everything else here is written over. */
export interface CryptoPrimitives {
  readonly name: PrimitivesName;
  /** Whether an algorithm is there: a FIPS build of OpenSSL, for one, lacks ChaChaPoly and BLAKE2. */
  supports(algorithm: AeadName | HashName): boolean;
  aead(name: AeadName): Aead;
  hash(name: HashName): HashFunction;
  generateKeyPair(): KeyPair;
  /**
   * Takes over a raw X25519 private key; the caller may wipe `privateKey` afterwards.
   * @throws MeshError `invalid_key` unless it is 32 bytes
   */
  importKeyPair(privateKey: Uint8Array): KeyPair;
}
