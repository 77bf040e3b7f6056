import type { CipherSuite, Clock, IdentityFiles, IdentitySource, Logger } from '@lemur-bookstores/mesh-interface';
import { CIPHER_SUITES } from './channel/cipher-suites.js';
import { rotationProblems, type RotationOptions } from './channel/cryptoperiod.js';
import type { PrimitivesName } from './primitives/primitives.js';

/** Options of a {@link CryptoManager}. */
export interface CryptoManagerOptions {
  /** The own service's id: a letter or digit, then up to 62 letters, digits, `.`, `_` and `-`. */
  readonly serviceId: string;
  /** Where the own identity comes from. Without it `load()` rejects with `identity_required`. */
  readonly identity?: IdentitySource | IdentityFiles;
  /** Default: `node`, or `noble` where node lacks an algorithm of the suites. */
  readonly primitives?: PrimitivesName;
  /** Suite of the connections that are dialled; either is accepted. Default `aesgcm`. */
  readonly suite?: CipherSuite;
  /** How far the clocks may be apart when certificates are checked, peers' and the own files', in ms, 0 or more. Default 60,000 (PROTOCOL 5). */
  readonly clockSkewMs?: number;
  /** When the keys of sessions are replaced. */
  readonly rotation?: RotationOptions;
  readonly clock?: Clock;
  /** Default: warnings and errors to stderr. */
  readonly logger?: Logger;
}

export const SERVICE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** What is wrong with the options, each by its path. */
export function cryptoOptionProblems({ serviceId, primitives, suite, clockSkewMs, rotation }: CryptoManagerOptions): string[] {
  return [
    ...(SERVICE_ID.test(serviceId) ? [] : [`serviceId: must match ${SERVICE_ID.source}`]),
    ...(primitives === undefined || primitives === 'node' || primitives === 'noble' ? [] : ["primitives: 'node' or 'noble'"]),
    ...(suite === undefined || Object.hasOwn(CIPHER_SUITES, suite) ? [] : ["suite: 'aesgcm' or 'chachapoly'"]),
    ...(clockSkewMs === undefined || (Number.isFinite(clockSkewMs) && clockSkewMs >= 0) ? [] : ['clockSkewMs: 0 or more']),
    ...rotationProblems(rotation),
  ];
}
