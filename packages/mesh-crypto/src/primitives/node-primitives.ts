import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  getCiphers,
  getHashes,
  type CipherGCMTypes,
  type KeyObject,
} from 'node:crypto';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import {
  KEY_BYTES,
  TAG_BYTES,
  type Aead,
  type AeadName,
  type CryptoPrimitives,
  type HashFunction,
  type HashName,
  type KeyPair,
} from './primitives.js';
import { allocateSecret } from './secret-memory.js';

const CIPHERS = { AESGCM: 'aes-256-gcm', ChaChaPoly: 'chacha20-poly1305' } as const satisfies Record<AeadName, string>;
const HASHES = {
  SHA256: 'sha256',
  SHA512: 'sha512',
  BLAKE2s: 'blake2s256',
  BLAKE2b: 'blake2b512',
} as const satisfies Record<HashName, string>;

/** PKCS#8 header of an X25519 private key (RFC 8410); the raw key follows. */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Its multiple by a private key is the public key (RFC 7748, section 6.1). */
const BASE_POINT = Buffer.alloc(KEY_BYTES);
BASE_POINT[0] = 9;

/** Without it Node 20 takes tags of 4 bytes (DEP0182). */
const TAG_OPTION = { authTagLength: TAG_BYTES };

/** Plaintext given to OpenSSL at once. */
const SLICE_BYTES = 64 * 1024;

class NodeAead implements Aead {
  readonly name: AeadName;
  /** The types know ChaCha20-Poly1305 under an overload of its own; at run time both behave as GCM does. */
  readonly #cipher: CipherGCMTypes;

  constructor(name: AeadName) {
    this.name = name;
    this.#cipher = CIPHERS[name] as CipherGCMTypes;
  }

  sealInto(
    key: Uint8Array,
    nonce: Uint8Array,
    associatedData: Uint8Array,
    parts: readonly Uint8Array[],
    target: Buffer,
    offset: number,
  ): void {
    const cipher = createCipheriv(this.#cipher, key, nonce, TAG_OPTION);
    cipher.setAAD(associatedData);
    // Gathered first: one update a piece allocates a result each and costs three times as much for 16 pieces.
    let end = offset;
    for (const part of parts) {
      target.set(part, end);
      end += part.length;
    }
    // In slices: a result of 256 KiB would be mapped and unmapped by the allocator each time.
    for (let at = offset; at < end; at += SLICE_BYTES) target.set(cipher.update(target.subarray(at, Math.min(end, at + SLICE_BYTES))), at);
    cipher.final();
    target.set(cipher.getAuthTag(), end);
  }

  open(key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array): Buffer {
    const tagAt = sealed.length - TAG_BYTES;
    if (tagAt < 0) throw new MeshError('decrypt_failed', 'shorter than a tag');
    const decipher = createDecipheriv(this.#cipher, key, nonce, TAG_OPTION);
    decipher.setAAD(associatedData);
    decipher.setAuthTag(sealed.subarray(tagAt));
    const plaintext = decipher.update(sealed.subarray(0, tagAt));
    try {
      decipher.final();
    } catch {
      plaintext.fill(0); // unauthenticated: nobody may see it
      throw new MeshError('decrypt_failed', 'the tag does not match');
    }
    return plaintext;
  }
}

class NodeHash implements HashFunction {
  readonly name: HashName;
  readonly outputBytes: number;
  readonly #algorithm: string;

  constructor(name: HashName, outputBytes: number) {
    this.name = name;
    this.outputBytes = outputBytes;
    this.#algorithm = HASHES[name];
  }

  digest(...parts: readonly Uint8Array[]): Buffer {
    const hash = createHash(this.#algorithm);
    for (const part of parts) hash.update(part);
    return hash.digest();
  }

  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
    const hmac = createHmac(this.#algorithm, key);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  }
}

class NodeKeyPair implements KeyPair {
  readonly publicKey: Uint8Array;
  #privateKey: KeyObject | undefined;

  constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    // Trap: no JWK export here. It holds the key's lock while it allocates strings; a collection at that moment that finds the finished
    // generation job takes the same lock, and the process hangs for good (Node 20). An SPKI export takes twice as long as this.
    this.publicKey = this.dh(BASE_POINT);
  }

  dh(theirPublicKey: Uint8Array): Buffer {
    if (this.#privateKey === undefined) throw new MeshError('invalid_key', 'the key pair was destroyed');
    const publicKey = importPublicKey(theirPublicKey);
    try {
      return diffieHellman({ privateKey: this.#privateKey, publicKey });
    } catch (error) {
      // OpenSSL refuses an all-zero result, which Noise permits (rev 34, section 12.1).
      throw new MeshError('invalid_key', 'the public key has low order', { cause: error });
    }
  }

  destroy(): void {
    this.#privateKey = undefined;
  }
}

/** As JWK: 4 us, where the import of an SPKI takes 100. */
function importPublicKey(publicKey: Uint8Array): KeyObject {
  if (publicKey.length !== KEY_BYTES) throw new MeshError('invalid_key', `a public key of ${publicKey.length} bytes`);
  const x = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
}

const AEADS = { AESGCM: new NodeAead('AESGCM'), ChaChaPoly: new NodeAead('ChaChaPoly') } as const satisfies Record<AeadName, Aead>;
const HASH_FUNCTIONS = {
  SHA256: new NodeHash('SHA256', 32),
  SHA512: new NodeHash('SHA512', 64),
  BLAKE2s: new NodeHash('BLAKE2s', 32),
  BLAKE2b: new NodeHash('BLAKE2b', 64),
} as const satisfies Record<HashName, HashFunction>;

/** Primitives of `node:crypto` (OpenSSL): the fast ones, for every hot path. */
export const nodePrimitives: CryptoPrimitives = {
  name: 'node',
  supports: (algorithm) =>
    algorithm === 'AESGCM' || algorithm === 'ChaChaPoly'
      ? getCiphers().includes(CIPHERS[algorithm])
      : getHashes().includes(HASHES[algorithm]),
  aead: (name) => AEADS[name],
  hash: (name) => HASH_FUNCTIONS[name],
  generateKeyPair: () => new NodeKeyPair(generateKeyPairSync('x25519').privateKey),
  importKeyPair(raw) {
    if (raw.length !== KEY_BYTES) throw new MeshError('invalid_key', `a private key of ${raw.length} bytes`);
    // A JWK import would leave the key in a string of the heap (PROTOCOL 4).
    const pkcs8 = allocateSecret(PKCS8_X25519.length + KEY_BYTES);
    try {
      pkcs8.set(PKCS8_X25519);
      pkcs8.set(raw, PKCS8_X25519.length);
      return new NodeKeyPair(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
    } finally {
      pkcs8.fill(0);
    }
  },
};
