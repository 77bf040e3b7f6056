import { MeshError, type IdentityMaterial, type Logger } from '@lemur-bookstores/mesh-interface';
import { checkChainSize } from './channel/handshake-payload.js';
import { parseCertificate } from './identity/certificate.js';

/** Material that new handshakes can prove themselves with. */
export interface OwnIdentity {
  readonly material: IdentityMaterial;
  /** The leaf's, ms since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** @throws MeshError `identity_invalid` for material that no peer would take */
export function checkIdentity(material: IdentityMaterial): OwnIdentity {
  checkChainSize(material.chain);
  const [leaf = Buffer.alloc(0)] = material.chain;
  try {
    const { notBefore, notAfter } = parseCertificate(leaf);
    return { material, notBefore, notAfter };
  } catch (cause) {
    throw new MeshError('identity_invalid', `the own certificate cannot be read: ${MeshError.from(cause).text}`, { cause });
  }
}

/** Whether two identities trust the same CAs, in whatever order. */
export function sameTrust(one: OwnIdentity, other: OwnIdentity): boolean {
  const bundle = ({ material: { trustBundle } }: OwnIdentity): string => trustBundle.map((der) => Buffer.from(der).toString('base64')).sort().join();
  return bundle(one) === bundle(other);
}

/** Another id is legal, for those of SPIRE and Kubernetes look different; but mostly it is a mistake, which peers would find first. */
export function warnOfForeignId({ material: { id, trustDomain } }: OwnIdentity, serviceId: string, logger: Logger): void {
  const expected = `spiffe://${trustDomain}/${serviceId}`;
  if (id === expected) return;
  const advice = `peers that dial '${serviceId}' expect ${expected} and will refuse it, unless their services[].spiffeId says ${id}`;
  logger.warn(`the certificate is for ${id}, this service is '${serviceId}': ${advice}`, { id, expected });
}
