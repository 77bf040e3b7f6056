/**
 * Zeroed memory for a secret, to be wiped with `fill(0)`.
 *
 * Trap: V8 keeps typed arrays of up to 64 bytes inside its own heap, `Buffer.allocUnsafeSlow(32)` included, where the collector moves
 * them and a native call copies them out; each time an old copy stays behind that nobody can wipe. Over an ArrayBuffer of its own a
 * Buffer never moves (PROTOCOL 4).
 */
export const allocateSecret = (length: number): Buffer => Buffer.from(new ArrayBuffer(length));

/** A copy in memory of its own. */
export function copySecret(secret: Uint8Array): Buffer {
  const copy = allocateSecret(secret.length);
  copy.set(secret);
  return copy;
}
