import { CryptoManager as BareCryptoManager, type CryptoManagerOptions as BareOptions } from '@lemur-bookstores/mesh-crypto';
import type { IdentityFiles } from '@lemur-bookstores/mesh-interface';
import { identitySource } from './identity-source.js';

/** Options of a {@link CryptoManager}. */
export interface CryptoManagerOptions extends Omit<BareOptions, 'identity'> {
  /** Default: the local trust domain. */
  readonly identity?: IdentityFiles | { readonly local: true };
  readonly paths?: { readonly keysDir?: string };
}

/** mesh-crypto's CryptoManager, which also knows the local trust domain. Loads lazily. */
export class CryptoManager extends BareCryptoManager {
  constructor({ identity, paths, ...options }: CryptoManagerOptions) {
    super({ ...options, identity: identitySource({ serviceId: options.serviceId, identity, keysDir: paths?.keysDir, clock: options.clock, logger: options.logger }) });
  }
}
