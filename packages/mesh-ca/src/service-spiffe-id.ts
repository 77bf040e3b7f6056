import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Ids of services (PROTOCOL 6.1). */
const SERVICE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** SPIFFE-ID 2: see mesh-crypto's reader for the rules one by one; here any broken one is the same mistake of the operator's. */
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/;
const MAX_ID_BYTES = 2048;

/** @throws MeshError `invalid_option` */
export function assertServiceId(serviceId: string): void {
  if (!SERVICE_ID.test(serviceId)) {
    throw new MeshError('invalid_option', 'serviceId: 1 to 63 letters, digits, dots, dashes and underscores, a letter or digit first');
  }
}

/** @throws MeshError `invalid_option` */
export function assertTrustDomain(trustDomain: string): void {
  if (!TRUST_DOMAIN.test(trustDomain)) throw new MeshError('invalid_option', 'trustDomain: 1 to 255 of a-z, 0-9, dot, dash and underscore');
}

/**
 * The id that a service of a trust domain is given: by its name, or as it stands.
 * @throws MeshError `invalid_option` where it is no SPIFFE id of a service in this trust domain
 */
export function serviceSpiffeId(trustDomain: string, service: { readonly serviceId: string } | { readonly spiffeId: string }): string {
  const domainId = `spiffe://${trustDomain}`;
  if ('serviceId' in service) {
    assertServiceId(service.serviceId);
    return `${domainId}/${service.serviceId}`;
  }
  const { spiffeId } = service;
  if (!spiffeId.startsWith(`${domainId}/`) || spiffeId.length > MAX_ID_BYTES || !PATH.test(spiffeId.slice(domainId.length))) {
    throw new MeshError('invalid_option', `spiffeId: must be ${domainId}/ and a path of letters, digits, dots, dashes and underscores`);
  }
  return spiffeId;
}
