import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const MASK = 0xa5;
const CHUNK_BYTES = 1 << 20;

/** A secret that is nowhere in clear: to look for without being found. */
export function masked(secret: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(secret.length));
  secret.forEach((byte, index) => (copy[index] = byte ^ MASK));
  return copy;
}

/** How often each secret lies in the writable memory of this process. Linux only. */
export function countInMemory(secrets: readonly Uint8Array[]): number[] {
  const counts = secrets.map(() => 0);
  const memory = openSync('/proc/self/mem', 'r');
  const chunk = Buffer.from(new ArrayBuffer(CHUNK_BYTES));
  try {
    for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
      const range = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
      if (range === null) continue;
      const end = BigInt(`0x${range[2]}`);
      // Chunks overlap by a secret's length, so that none is missed at a seam, and one may count twice.
      for (let at = BigInt(`0x${range[1]}`); at < end; at += BigInt(CHUNK_BYTES - 64)) {
        const wanted = Number(end - at < CHUNK_BYTES ? end - at : BigInt(CHUNK_BYTES));
        const got = readOrSkip(memory, chunk, wanted, at);
        secrets.forEach((secret, index) => (counts[index] = (counts[index] ?? 0) + countIn(chunk.subarray(0, got), secret)));
        chunk.fill(0);
      }
    }
  } finally {
    closeSync(memory);
  }
  return counts;
}

function countIn(bytes: Buffer, secret: Uint8Array): number {
  // Zeros are everywhere: a byte that is none finds fewer places to look at.
  const anchor = secret.findIndex((byte) => byte !== MASK);
  const anchorByte = (secret[anchor] ?? 0) ^ MASK;
  let count = 0;
  for (let at = bytes.indexOf(anchorByte); at !== -1; at = bytes.indexOf(anchorByte, at + 1)) {
    const start = at - anchor;
    if (secret.every((byte, index) => bytes[start + index] === (byte ^ MASK))) count++;
  }
  return count;
}

/** Some mappings cannot be read (guard pages, device memory). */
function readOrSkip(memory: number, chunk: Buffer, length: number, position: bigint): number {
  try {
    return readSync(memory, chunk, 0, length, position);
  } catch {
    return 0;
  }
}
