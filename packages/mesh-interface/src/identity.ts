import type { KeyObject } from 'node:crypto';

/** A peer, as its handshake proved it. */
export interface PeerIdentity {
  /** The SPIFFE id: `spiffe://<trustDomain>/<serviceId>`. */
  readonly id: string;
  readonly trustDomain: string;
  /** The path of the SPIFFE id without its leading slash. */
  readonly serviceId: string;
  /** Base64url SHA-256 of the leaf's SPKI: what a pin names. */
  readonly publicKey: string;
  /** End of the leaf's validity, ms since 1970. */
  readonly notAfter: number;
}

/** What a service proves itself with, taken together or not at all. */
export interface IdentityMaterial {
  /** The one URI SAN of the leaf. */
  readonly id: string;
  readonly trustDomain: string;
  /** DER certificates, leaf first, then intermediates; the root may be left out. */
  readonly chain: readonly Uint8Array[];
  /** The leaf's private key: Ed25519, or ECDSA P-256. */
  readonly privateKey: KeyObject;
  /** DER certificates of the CAs that vouch for the own trust domain. */
  readonly trustBundle: readonly Uint8Array[];
}

/** Where identity material comes from: files, or the local trust domain. */
export interface IdentitySource {
  /** Reads or issues the material. */
  load(): Promise<IdentityMaterial>;
  /**
   * Calls `onChange` with new, complete and valid material whenever there is some, `onError` when a replacement was refused (the
   * last good one stays). Returns the function that ends it.
   */
  watch?(onChange: (material: IdentityMaterial) => void, onError: (error: Error) => void): () => void;
  /** `true` for the local trust domain. */
  readonly local?: boolean;
}

/** Identity from PEM files, as cert-manager, SPIRE or an own CA writes them. */
export interface IdentityFiles {
  /** Certificate chain, leaf first. */
  readonly certFile: string;
  /** PKCS#8 private key of the leaf. */
  readonly keyFile: string;
  /** CA certificates of the own trust domain; more than one while a CA is rolled. */
  readonly caFile: string;
}
