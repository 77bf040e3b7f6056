import { createPublicKey, type KeyObject } from 'node:crypto';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { DER, DerReader, type DerElement } from './der-reader.js';
import { bitStringBytes, oidText } from './der-values.js';

/** The keys a certificate may carry here, in the subject and in the issuer (PROTOCOL 1.2). */
export type CertificateKeyType = 'ed25519' | 'p256';

/** OIDs of RFC 8410 (Ed25519) and RFC 5480 (EC public key, P-256). */
const ED25519 = '1.3.101.112';
const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const PRIME256V1 = '1.2.840.10045.3.1.7';

/** The key of a SubjectPublicKeyInfo, imported. */
export interface SubjectPublicKey {
  readonly type: CertificateKeyType;
  readonly key: KeyObject;
}

/**
 * Reads a SubjectPublicKeyInfo of exactly the two key types there are.
 * @throws MeshError `certificate_invalid`
 */
export function readSubjectPublicKey(spki: DerElement): SubjectPublicKey {
  const reader = new DerReader(spki.content, 1);
  const algorithm = reader.enter(DER.sequence, 'key algorithm');
  const name = oidText(algorithm.read(DER.oid, 'key algorithm'));
  const curve = name === EC_PUBLIC_KEY && !algorithm.done ? algorithm.next() : undefined;
  const bits = reader.read(DER.bitString, 'public key');
  reader.end('the public key');
  if (name === ED25519) {
    algorithm.end('the key algorithm');
    return { type: 'ed25519', key: importJwk({ kty: 'OKP', crv: 'Ed25519', x: point(bits, 32).toString('base64url') }) };
  }
  if (curve?.tag !== DER.oid || oidText(curve) !== PRIME256V1) throw unsupported();
  algorithm.end('the key algorithm');
  const bytes = point(bits, 65);
  if (bytes[0] !== 0x04) throw unsupported();
  return {
    type: 'p256',
    key: importJwk({ kty: 'EC', crv: 'P-256', x: bytes.subarray(1, 33).toString('base64url'), y: bytes.subarray(33).toString('base64url') }),
  };
}

function point(bits: DerElement, length: number): Buffer {
  const bytes = bitStringBytes(bits);
  if (bytes.length !== length) throw unsupported();
  return bytes;
}

/** As JWK: 12 times faster than SPKI (reference: security.md 5). OpenSSL refuses points that are not on the curve. */
function importJwk(key: { kty: string; crv: string; x: string; y?: string }): KeyObject {
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch (cause) {
    throw new MeshError('certificate_invalid', 'the certificate has a public key that is not a point of its curve', { cause });
  }
}

const unsupported = (): MeshError =>
  new MeshError('certificate_invalid', 'the certificate has a key that is neither Ed25519 nor ECDSA P-256 (uncompressed)');
