import type { CipherSuite } from '@lemur-bookstores/mesh-interface';
import type { AeadName } from '../primitives/primitives.js';

/** The one version of the wire protocol (PROTOCOL 1.1). */
export const PROTOCOL_VERSION = 1;

interface SuiteParameters {
  /** Its byte in the first message. */
  readonly id: number;
  readonly aead: AeadName;
  readonly protocolName: string;
}

/** What the suites of PROTOCOL 1.1 stand for. */
export const CIPHER_SUITES: Readonly<Record<CipherSuite, SuiteParameters>> = {
  aesgcm: { id: 1, aead: 'AESGCM', protocolName: 'Noise_XX_25519_AESGCM_SHA256' },
  chachapoly: { id: 2, aead: 'ChaChaPoly', protocolName: 'Noise_XX_25519_ChaChaPoly_SHA256' },
};

/** The suite with that byte, if there is one. */
export function cipherSuiteOf(id: number | undefined): CipherSuite | undefined {
  if (id === CIPHER_SUITES.aesgcm.id) return 'aesgcm';
  return id === CIPHER_SUITES.chachapoly.id ? 'chachapoly' : undefined;
}

/** Authenticates version and suite, which travel in the clear: changed on the way, the handshake fails (PROTOCOL 1.1). */
export function prologueOf(suite: CipherSuite): Buffer {
  return Buffer.concat([Buffer.from('secure-stack-mesh\0'), Uint8Array.of(PROTOCOL_VERSION, CIPHER_SUITES[suite].id)]);
}
