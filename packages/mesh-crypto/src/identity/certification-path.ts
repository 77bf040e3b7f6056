import { MeshError } from '@lemur-bookstores/mesh-interface';
import { assertCaProfile, assertDates } from './certificate-profile.js';
import type { Certificate } from './certificate.js';
import type { SignatureCache } from './signature-cache.js';

/** What a path is checked against. */
export interface PathPolicy {
  /** The CAs of the trust bundle. */
  readonly anchors: readonly Certificate[];
  readonly trustDomain: string;
  /** ms since 1970. */
  readonly now: number;
  readonly skewMs: number;
  readonly signatures: SignatureCache;
}

/**
 * Finds the path from a leaf to a CA of the trust bundle and checks every link: names, signatures, dates, the right to issue
 * (RFC 5280 6.1, without policies and revocation). Certificates follow one another as TLS sends them, leaf first; what comes
 * after the first one that a CA of the bundle signed (the root itself, a cross-signed one) is neither looked at nor trusted.
 * @returns the leaf, the intermediates used, the CA of the bundle
 * @throws MeshError `peer_untrusted`, `certificate_expired`, `certificate_not_yet_valid` or `certificate_invalid`
 */
export function verifyPath(chain: readonly Certificate[], policy: PathPolicy): readonly Certificate[] {
  const path: Certificate[] = [];
  // Two CAs of one name and key, one of them expired, are normal while a CA is renewed: the other is tried, the first trouble told.
  let trouble: MeshError | undefined;
  for (const certificate of chain) {
    const below = path.at(-1);
    if (below !== undefined && !isIssuedBy(below, certificate, policy)) break;
    path.push(certificate);
    for (const anchor of policy.anchors) {
      if (!isIssuedBy(certificate, anchor, policy)) continue;
      try {
        return accept([...path, anchor], policy);
      } catch (error) {
        trouble ??= MeshError.from(error);
      }
    }
  }
  throw trouble ?? new MeshError('peer_untrusted', `no CA of the own trust domain ${policy.trustDomain} vouches for the peer's certificate`);
}

/** Names and signature of one link. Key identifiers are hints for building paths, not checked: the signature decides. */
function isIssuedBy(certificate: Certificate, issuer: Certificate, { signatures }: PathPolicy): boolean {
  return certificate.issuer.equals(issuer.subject) && signatures.isSignedBy(certificate, issuer);
}

/**
 * Everything else about a path whose links hold. Only now, so that what is reported about a certificate is what a CA of ours signed, and
 * so that nobody but our CAs decides what the cache remembers: not even a service that plays CA with its own certificate.
 */
function accept(path: readonly Certificate[], { trustDomain, now, skewMs, signatures }: PathPolicy): readonly Certificate[] {
  for (const [index, certificate] of path.entries()) {
    assertDates(certificate, now, skewMs);
    if (index > 0) assertCaProfile(certificate, index === path.length - 1 ? 'bundle' : 'chain', trustDomain, index - 1);
  }
  for (const [index, certificate] of path.entries()) {
    const issuer = path[index + 1];
    if (issuer !== undefined) signatures.remember(certificate, issuer);
  }
  return path;
}
