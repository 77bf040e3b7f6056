import { sign, verify, type KeyObject } from 'node:crypto';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { CertificateKeyType } from './subject-public-key.js';

/** Both signatures have this length: Ed25519 (RFC 8032), and r and s of P-256 side by side (IEEE P1363). */
export const IDENTITY_SIGNATURE_BYTES = 64;

/** The type of an identity key, `undefined` for every type that is none. */
export function identityKeyType(key: KeyObject): CertificateKeyType | undefined {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'p256' : undefined;
}

/**
 * Signs with a service's identity key: Ed25519, or ECDSA P-256 with SHA-256 in ieee-p1363 form (PROTOCOL 1.2). 64 bytes.
 * @throws MeshError `invalid_key` for any other key
 */
export function signWithIdentity(privateKey: KeyObject, data: Uint8Array): Buffer {
  switch (privateKey.type === 'private' ? identityKeyType(privateKey) : undefined) {
    case 'ed25519':
      return sign(null, data, privateKey);
    case 'p256':
      return sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    case undefined:
      throw new MeshError('invalid_key', 'an identity key is a private key of Ed25519 or ECDSA P-256');
  }
}

/** Whether the owner of the leaf's key signed the data. Never throws on what a peer sends. */
export function verifyIdentitySignature(leafKey: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== IDENTITY_SIGNATURE_BYTES) return false;
  switch (identityKeyType(leafKey)) {
    case 'ed25519':
      return verify(null, data, leafKey, signature);
    case 'p256':
      return verify('sha256', data, { key: leafKey, dsaEncoding: 'ieee-p1363' }, signature);
    case undefined:
      return false;
  }
}
