import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { blake2b, blake2s } from '@noble/hashes/blake2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
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
import { copySecret } from './secret-memory.js';

const CIPHERS = { AESGCM: gcm, ChaChaPoly: chacha20poly1305 } as const;
const HASHES = { SHA256: sha256, SHA512: sha512, BLAKE2s: blake2s, BLAKE2b: blake2b } as const;

class NobleAead implements Aead {
  readonly name: AeadName;

  constructor(name: AeadName) {
    this.name = name;
  }

  sealInto(
    key: Uint8Array,
    nonce: Uint8Array,
    associatedData: Uint8Array,
    parts: readonly Uint8Array[],
    target: Buffer,
    offset: number,
  ): void {
    let end = offset;
    for (const part of parts) {
      target.set(part, end);
      end += part.length;
    }
    target.set(CIPHERS[this.name](key, nonce, associatedData).encrypt(target.subarray(offset, end)), offset);
  }

  open(key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array): Buffer {
    if (sealed.length < TAG_BYTES) throw new MeshError('decrypt_failed', 'shorter than a tag');
    try {
      return asBuffer(CIPHERS[this.name](key, nonce, associatedData).decrypt(sealed));
    } catch {
      throw new MeshError('decrypt_failed', 'the tag does not match');
    }
  }
}

class NobleHash implements HashFunction {
  readonly name: HashName;
  readonly outputBytes: number;

  constructor(name: HashName) {
    this.name = name;
    this.outputBytes = HASHES[name].outputLen;
  }

  digest(...parts: readonly Uint8Array[]): Buffer {
    const hash = HASHES[this.name].create();
    for (const part of parts) hash.update(part);
    return asBuffer(hash.digest());
  }

  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
    const mac = hmac.create(HASHES[this.name], key);
    for (const part of parts) mac.update(part);
    return asBuffer(mac.digest());
  }
}

class NobleKeyPair implements KeyPair {
  readonly publicKey: Uint8Array;
  #privateKey: Uint8Array | undefined;

  constructor(privateKey: Uint8Array) {
    this.#privateKey = copySecret(privateKey);
    this.publicKey = x25519.getPublicKey(privateKey);
  }

  dh(theirPublicKey: Uint8Array): Buffer {
    if (this.#privateKey === undefined) throw new MeshError('invalid_key', 'the key pair was destroyed');
    if (theirPublicKey.length !== KEY_BYTES) throw new MeshError('invalid_key', `a public key of ${theirPublicKey.length} bytes`);
    try {
      return asBuffer(x25519.getSharedSecret(this.#privateKey, theirPublicKey));
    } catch (error) {
      throw new MeshError('invalid_key', 'the public key has low order', { cause: error });
    }
  }

  destroy(): void {
    this.#privateKey?.fill(0);
    this.#privateKey = undefined;
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

const AEADS = { AESGCM: new NobleAead('AESGCM'), ChaChaPoly: new NobleAead('ChaChaPoly') } as const satisfies Record<AeadName, Aead>;
const HASH_FUNCTIONS = {
  SHA256: new NobleHash('SHA256'),
  SHA512: new NobleHash('SHA512'),
  BLAKE2s: new NobleHash('BLAKE2s'),
  BLAKE2b: new NobleHash('BLAKE2b'),
} as const satisfies Record<HashName, HashFunction>;

/**
 * Primitives of `@noble/*`: plain JavaScript, on any platform, and the independent half of every cross-check. Their arithmetic leaves
 * copies of secrets in the heap that nobody can wipe: where that matters, use node's.
 */
export const noblePrimitives: CryptoPrimitives = {
  name: 'noble',
  supports: () => true,
  aead: (name) => AEADS[name],
  hash: (name) => HASH_FUNCTIONS[name],
  generateKeyPair() {
    const privateKey = x25519.utils.randomSecretKey();
    const pair = new NobleKeyPair(privateKey);
    privateKey.fill(0);
    return pair;
  },
  importKeyPair(raw) {
    if (raw.length !== KEY_BYTES) throw new MeshError('invalid_key', `a private key of ${raw.length} bytes`);
    return new NobleKeyPair(raw);
  },
};
