import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { Certificate } from './certificate.js';
import { parseSpiffeId, type SpiffeId } from './spiffe-id.js';

/** Extended purposes (RFC 5280 4.2.1.12): a mesh's peers are client and server with the same certificate. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_PURPOSE = '2.5.29.37.0';

/** An empty Name: a SEQUENCE of nothing. */
const EMPTY_NAME_BYTES = 2;

const refuse = (what: string): MeshError => new MeshError('certificate_invalid', what);

/**
 * The id of a service's certificate, from its one URI SAN (X509-SVID 2).
 * @throws MeshError `certificate_invalid`
 */
export function leafSpiffeId(leaf: Certificate): SpiffeId {
  const uris = leaf.subjectAltName?.uris ?? [];
  const [uri] = uris;
  if (uri === undefined || uris.length !== 1) throw refuse(`the certificate has ${uris.length} URI SANs, not exactly one`);
  const id = parseSpiffeId(uri);
  if (id.path === '') throw refuse('the certificate names a whole trust domain, not a service');
  return id;
}

/**
 * What X509-SVID 4 and 5.2 ask of a service's certificate beside its id. That a leaf is no CA is the rule whose absence let any
 * service issue certificates for every other (node-forge GHSA-2328-f5f3-gj25).
 * @throws MeshError `certificate_invalid`
 */
export function assertLeafProfile(leaf: Certificate): void {
  assertUnderstood(leaf);
  if (leaf.basicConstraints?.ca === true) throw refuse('a CA certificate is used as that of a service');
  const usage = leaf.keyUsage;
  if (usage === undefined) throw refuse('the certificate has no keyUsage');
  if (!usage.critical) throw refuse('keyUsage is not critical');
  if (!usage.digitalSignature) throw refuse('keyUsage lacks digitalSignature');
  if (usage.keyCertSign || usage.cRLSign) throw refuse('keyUsage of a service has keyCertSign or cRLSign');
  const purposes = leaf.extendedKeyUsage?.purposes;
  if (purposes !== undefined && !(purposes.includes(SERVER_AUTH) && purposes.includes(CLIENT_AUTH))) {
    throw refuse('extendedKeyUsage lacks serverAuth or clientAuth');
  }
  if (leaf.subject.length === EMPTY_NAME_BYTES && leaf.subjectAltName?.critical !== true) {
    throw refuse('the subject is empty and the SAN not critical');
  }
}

/** Where a CA certificate comes from: the own trust bundle, or the peer's chain. */
export type CaOrigin = 'bundle' | 'chain';

/**
 * What a certificate must be to vouch for the one below it.
 * @param below how many CA certificates stand between it and the leaf. All count against pathLen, self-issued ones too, which
 *   RFC 5280 would let pass: a mesh has no use for them.
 * @throws MeshError `certificate_invalid`, or `peer_untrusted` where it belongs to another trust domain
 */
export function assertCaProfile(ca: Certificate, origin: CaOrigin, trustDomain: string, below: number): void {
  assertUnderstood(ca);
  const { basicConstraints, keyUsage } = ca;
  if (basicConstraints?.ca !== true) throw refuse('the certificate is issued by one that is no CA');
  if (origin === 'chain' && !basicConstraints.critical) throw refuse('basicConstraints of a CA is not critical');
  if (basicConstraints.pathLen !== undefined && below > basicConstraints.pathLen) throw refuse('the chain is longer than a CA in it allows (pathLen)');
  // An operator's own root may lack keyUsage, as `openssl req -x509` makes it; RFC 5280 6.1 asks for the bit where the extension is.
  if (keyUsage === undefined ? origin === 'chain' : !keyUsage.keyCertSign || (origin === 'chain' && !keyUsage.critical)) {
    throw refuse('a CA certificate lacks a critical keyUsage with keyCertSign');
  }
  const purposes = ca.extendedKeyUsage?.purposes;
  if (purposes !== undefined && !purposes.includes(ANY_PURPOSE) && !(purposes.includes(SERVER_AUTH) && purposes.includes(CLIENT_AUTH))) {
    throw refuse('extendedKeyUsage of a CA lacks serverAuth or clientAuth');
  }
  for (const uri of ca.subjectAltName?.uris ?? []) {
    const id = parseSpiffeId(uri);
    if (id.path !== '') throw refuse('a CA certificate names a service');
    if (id.trustDomain !== trustDomain) throw new MeshError('peer_untrusted', 'a CA certificate in the chain belongs to another trust domain');
  }
}

/**
 * @param now ms since 1970
 * @param skewMs how far the peers' clocks may be apart, in ms
 * @throws MeshError `certificate_expired` or `certificate_not_yet_valid`
 */
export function assertDates(certificate: Certificate, now: number, skewMs: number): void {
  const { notBefore, notAfter } = certificate;
  const what = certificate.basicConstraints?.ca === true ? 'a CA certificate in the chain' : 'the certificate';
  const seen = `it is ${isoText(now)} here`;
  if (now < notBefore - skewMs) throw new MeshError('certificate_not_yet_valid', `${what} is valid from ${isoText(notBefore)}, ${seen}`);
  if (now > notAfter + skewMs) throw new MeshError('certificate_expired', `${what} was valid until ${isoText(notAfter)}, ${seen}`);
}

const isoText = (ms: number): string => new Date(ms).toISOString();

function assertUnderstood(certificate: Certificate): void {
  const [oid] = certificate.unknownCritical;
  if (oid !== undefined) throw refuse(`the certificate has an extension that must be understood and is not: ${oid}`);
}
