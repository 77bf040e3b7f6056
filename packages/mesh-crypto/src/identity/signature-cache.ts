import { verify } from 'node:crypto';
import type { Certificate } from './certificate.js';

/** About 128 KiB of keys and text. */
const CAPACITY = 1024;

/**
 * Remembers which certificates were signed by which key: the costly half of every handshake with a known peer (112 us of about
 * 600). What is remembered is for the caller to say, and only links of a whole path to a CA of the trust bundle may be: a chain of its
 * own a stranger can make at will, to push others out. Nothing else of a certificate is remembered: dates, above all, are looked at
 * each time.
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

  /** Whether the issuer's key signed the certificate. Remembers nothing new. */
  isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
    const entry = entryOf(certificate, issuer);
    if (!this.#good.delete(entry)) return verifySignature(certificate, issuer);
    this.#good.add(entry);
    return true;
  }

  /** Keeps a signature that was found good. The least recently used one makes room. */
  remember(certificate: Certificate, issuer: Certificate): void {
    const entry = entryOf(certificate, issuer);
    this.#good.delete(entry);
    this.#good.add(entry);
    if (this.#good.size <= this.#capacity) return;
    const [oldest = ''] = this.#good;
    this.#good.delete(oldest);
  }
}

const entryOf = (certificate: Certificate, issuer: Certificate): string => `${certificate.fingerprint} ${issuer.pin}`;

function verifySignature({ tbs, signature, signatureAlgorithm }: Certificate, { publicKey, keyType }: Certificate): boolean {
  if (signatureAlgorithm === 'ed25519') return keyType === 'ed25519' && verify(null, tbs, publicKey, signature);
  return keyType === 'p256' && verify('sha256', tbs, { key: publicKey, dsaEncoding: 'der' }, signature);
}
