import { MeshError, type IdentityMaterial, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { parseCertificate } from '@lemur-bookstores/mesh-crypto';

/**
 * In a local trust domain only a pin on the CA can hold: leaves change with every process (PROTOCOL 6.5).
 * @throws MeshError `invalid_option` with the path of each pin on anything else
 */
export function assertPinsOnLocalAuthority(services: readonly ServiceNode[], { trustBundle, trustDomain }: IdentityMaterial): void {
  const authorities = new Set(trustBundle.map((der) => parseCertificate(der).pin));
  const problems: string[] = [];
  services.forEach(({ publicKey, spiffeId }, index) => {
    if (spiffeId !== undefined && !spiffeId.startsWith(`spiffe://${trustDomain}/`)) return;
    const pins = typeof publicKey === 'string' ? [publicKey] : (publicKey ?? []);
    if (pins.some((pin) => !authorities.has(pin))) {
      problems.push(`discovery.services[${index}].publicKey: pins a key that is not the local CA's; leaves of the local trust domain change with every process`);
    }
  });
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
}
