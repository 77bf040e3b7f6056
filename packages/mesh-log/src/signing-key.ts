import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { verifierKey, type NoteSigner } from './signed-note.js';

/** Of a raw Ed25519 public key. */
const KEY_BYTES = 32;

/** The Ed25519 key that signs the checkpoints of logs, and reports made from one, under another name. Used for nothing else. Prints as `[redacted]`. */
export class SigningKey implements NoteSigner {
  readonly publicKey: Buffer;
  readonly #key: KeyObject;

  private constructor(key: KeyObject) {
    this.#key = key;
    // Not as JWK: exporting one of a fresh key can freeze Node 20 (docs/adr/0010). The raw key is the end of the SPKI.
    this.publicKey = Buffer.from(createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-KEY_BYTES));
  }

  static generate(): SigningKey {
    return new SigningKey(generateKeyPairSync('ed25519').privateKey);
  }

  /** @param pem PKCS#8. @throws MeshError `invalid_key` where it is no Ed25519 key */
  static fromPem(pem: string | Buffer): SigningKey {
    let key: KeyObject;
    try {
      key = createPrivateKey(pem);
    } catch (cause) {
      throw new MeshError('invalid_key', 'the signing key of the audit log cannot be read', { cause });
    }
    if (key.asymmetricKeyType !== 'ed25519') throw new MeshError('invalid_key', `the signing key of the audit log is ${key.asymmetricKeyType ?? 'unknown'}, not ed25519`);
    return new SigningKey(key);
  }

  sign(text: string): Buffer {
    return sign(null, Buffer.from(text), this.#key);
  }

  /** The published form of the public key for a log: `origin+id+key`. */
  verifierKey(origin: string): string {
    return verifierKey(origin, this.publicKey);
  }

  /** For the key file, and nothing else. */
  toPem(): string {
    return this.#key.export({ type: 'pkcs8', format: 'pem' }) as string;
  }

  toJSON(): string {
    return '[redacted]';
  }

  toString(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return 'SigningKey [redacted]';
  }
}
