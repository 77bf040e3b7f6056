import { verify } from 'node:crypto';
import type { Certificate } from './certificate.js';

/** About 128 KiB of keys and text. */
const CAPACITY = 1024;

/**
 * Remembers which certificates were signed by which key: the costly half of every handshake with a known peer (112 us of about
 * 600). Only good signatures are kept, since those alone a stranger cannot make at will to push others out. Nothing else of a
 * certificate is remembered: dates, above all, are looked at each time.
 */
export class SignatureCache {
  /** In order of their last use. */
  readonly #good = new Set<string>();
  readonly #capacity: number;

  /** @param capacity signatures kept; default 1,024 */
  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  /** Signatures remembered now. */
  get size(): number {
    return this.#good.size;
  }

  /** Whether the issuer's key signed the certificate. */
  isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
    const entry = `${certificate.fingerprint} ${issuer.pin}`;
    if (this.#good.delete(entry)) {
      this.#good.add(entry);
      return true;
    }
    if (!verifySignature(certificate, issuer)) return false;
    this.#good.add(entry);
    if (this.#good.size > this.#capacity) for (const oldest of this.#good) return this.#good.delete(oldest);
    return true;
  }
}

function verifySignature({ tbs, signature, signatureAlgorithm }: Certificate, { publicKey, keyType }: Certificate): boolean {
  if (signatureAlgorithm === 'ed25519') return keyType === 'ed25519' && verify(null, tbs, publicKey, signature);
  return keyType === 'p256' && verify('sha256', tbs, { key: publicKey, dsaEncoding: 'der' }, signature);
}
