import { MeshError, type Clock, type IdentityFiles, type IdentitySource, type Logger } from '@lemur-bookstores/mesh-interface';
import { LocalTrustDomain, defaultKeysDir } from '@lemur-bookstores/mesh-ca';
import { identityFilesSource } from '@lemur-bookstores/mesh-crypto';

export interface IdentityRequest {
  readonly serviceId: string;
  readonly identity: IdentityFiles | { readonly local: true } | undefined;
  readonly keysDir?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
}

/** Whether the own trust domain is the local one. */
export const isLocal = (identity: IdentityRequest['identity']): identity is { readonly local: true } | undefined => identity === undefined || 'local' in identity;

/**
 * Where a service's identity comes from: files, or the local trust domain. In production the latter must be asked for by name
 * (PROTOCOL 6.2): loading then rejects with `identity_required`.
 */
export function identitySource({ serviceId, identity, keysDir, clock, logger }: IdentityRequest): IdentitySource {
  const common = { ...(clock === undefined ? {} : { clock }), ...(logger === undefined ? {} : { logger }) };
  if (!isLocal(identity)) return identityFilesSource(identity, common);
  if (identity === undefined && process.env['NODE_ENV'] === 'production') return { load: () => Promise.reject(identityRequired()) };
  return new LocalTrustDomain({ serviceId, keysDir: keysDir ?? defaultKeysDir(), ...common });
}

const identityRequired = (): MeshError =>
  new MeshError(
    'identity_required',
    'NODE_ENV is production and no identity is set: give identity: { certFile, keyFile, caFile } (secure-stack-mesh ca init makes them), or identity: { local: true } if trusting this user on this machine is what you want',
  );
