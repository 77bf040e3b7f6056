import { MeshError, type IdentityMaterial, type Logger } from '@lemur-bookstores/mesh-interface';
import { checkChainSize } from './channel/handshake-payload.js';
import { parseCertificate, type Certificate } from './identity/certificate.js';
import { SignatureCache } from './identity/signature-cache.js';

/** Material that new handshakes can prove themselves with. */
export interface OwnIdentity {
  readonly material: IdentityMaterial;
  /** The leaf's, ms since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The CA that signed the leaf. */
  readonly authority: OwnAuthority;
}

export interface OwnAuthority {
  /** Base64url SHA-256 of its key, as far as it is known here; else its name. */
  readonly name: string;
  /** ms since 1970; of one that is not known here, nothing is. */
  readonly validity?: { readonly notBefore: number; readonly notAfter: number };
}

/** @throws MeshError `identity_invalid` for material that no peer would take */
export function checkIdentity(material: IdentityMaterial): OwnIdentity {
  checkChainSize(material.chain);
  const [leaf = Buffer.alloc(0)] = material.chain;
  try {
    const certificate = parseCertificate(leaf);
    const { notBefore, notAfter } = certificate;
    return { material, notBefore, notAfter, authority: authorityOf(certificate, material) };
  } catch (cause) {
    throw new MeshError('identity_invalid', `the own certificate cannot be read: ${MeshError.from(cause).text}`, { cause });
  }
}

/** Whether two identities trust the same CAs, in whatever order, and one CA vouches for both. */
export function sameTrust(one: OwnIdentity, other: OwnIdentity): boolean {
  const bundle = ({ material: { trustBundle } }: OwnIdentity): string => trustBundle.map((der) => Buffer.from(der).toString('base64')).sort().join();
  return bundle(one) === bundle(other) && one.authority.name === other.authority.name;
}

function authorityOf(leaf: Certificate, { chain, trustBundle }: IdentityMaterial): OwnAuthority {
  const signatures = new SignatureCache();
  const signedBy = (issuer: Certificate): boolean => leaf.issuer.equals(issuer.subject) && signatures.isSignedBy(leaf, issuer);
  const found = [...chain.slice(1), ...trustBundle].flatMap(readable).find(signedBy);
  if (found === undefined) return { name: leaf.issuer.toString('base64url') };
  const { pin: name, notBefore, notAfter } = found;
  return { name, validity: { notBefore, notAfter } };
}

function readable(der: Uint8Array): Certificate[] {
  try {
    return [parseCertificate(der)];
  } catch {
    // Its own trouble: it vouches for nobody.
    return [];
  }
}

/** Another id is legal, for those of SPIRE and Kubernetes look different; but mostly it is a mistake, which peers would find first. */
export function warnOfForeignId({ material: { id, trustDomain } }: OwnIdentity, serviceId: string, logger: Logger): void {
  const expected = `spiffe://${trustDomain}/${serviceId}`;
  if (id === expected) return;
  const advice = `peers that dial '${serviceId}' expect ${expected} and will refuse it, unless their services[].spiffeId says ${id}`;
  logger.warn(`the certificate is for ${id}, this service is '${serviceId}': ${advice}`, { id, expected });
}
