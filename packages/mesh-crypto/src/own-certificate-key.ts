import type { IdentityMaterial } from '@lemur-bookstores/mesh-interface';
import { parseCertificate, type Certificate } from './identity/certificate.js';
import { certificateKeyIdOf } from './key-ids.js';

/** The own leaf, as a key with a cryptoperiod. */
export interface OwnCertificateKey {
  /** 32 hex digits of a hash of its public key and its end: another one for each renewal. */
  readonly keyId: string;
  readonly algorithm: string;
  /** ms since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const ALGORITHMS = { ed25519: 'Ed25519', p256: 'ECDSA-P-256' } as const satisfies Record<Certificate['keyType'], string>;

/** @throws MeshError `certificate_invalid`; not for what a crypto manager has loaded */
export function ownCertificateKey({ chain: [leaf = Buffer.alloc(0)] }: IdentityMaterial): OwnCertificateKey {
  const { spki, keyType, notBefore, notAfter } = parseCertificate(leaf);
  return { keyId: certificateKeyIdOf(spki, notAfter), algorithm: ALGORITHMS[keyType], notBefore, notAfter };
}
