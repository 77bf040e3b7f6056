import { createHash } from 'node:crypto';

/** In bytes, before they are written as hex digits. */
const KEY_ID_BYTES = 16;

const STATIC_KEY_LABEL = 'secure-stack-mesh v1 static key';
const IDENTITY_KEY_LABEL = 'secure-stack-mesh v1 identity key';

/** Names a static key: 32 hex digits of a hash of its public half. */
export const staticKeyIdOf = (publicKey: Uint8Array): string => keyIdOf(STATIC_KEY_LABEL, publicKey);

/**
 * Names a certificate by its key and its end: a renewal with the same key has another cryptoperiod, so it is another key to whoever keeps count.
 * @param notAfter ms since 1970
 */
export function certificateKeyIdOf(spki: Uint8Array, notAfter: number): string {
  const end = Buffer.alloc(8);
  end.writeBigUInt64BE(BigInt(Math.max(0, Math.trunc(notAfter))));
  return keyIdOf(IDENTITY_KEY_LABEL, spki, end);
}

function keyIdOf(label: string, ...publicParts: readonly Uint8Array[]): string {
  const hash = createHash('sha256').update(label).update(Uint8Array.of(0));
  for (const part of publicParts) hash.update(part);
  return hash.digest().toString('hex', 0, KEY_ID_BYTES);
}
