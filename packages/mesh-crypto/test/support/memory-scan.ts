import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const MASK = 0xa5;
const CHUNK_BYTES = 1 << 20;
/** Most of what is mapped is empty. */
const PAGE = Buffer.alloc(4096);

/** A secret that is nowhere in clear: to look for without being found. */
export function masked(secret: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(secret.length));
  secret.forEach((byte, index) => (copy[index] = byte ^ MASK));
  return copy;
}

/** How often each secret, masked, lies in the writable memory of a process: this one, or a child. Linux only. */
export function countInMemory(secrets: readonly Uint8Array[], process: number | 'self' = 'self'): number[] {
  const search = new Search(secrets);
  const memory = openSync(`/proc/${process}/mem`, 'r');
  const chunk = Buffer.from(new ArrayBuffer(CHUNK_BYTES));
  try {
    for (const line of readFileSync(`/proc/${process}/maps`, 'utf8').split('\n')) {
      const range = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
      if (range === null) continue;
      const end = BigInt(`0x${range[2]}`);
      // Chunks overlap by a secret's length, so that none is missed at a seam, and one may count twice.
      for (let at = BigInt(`0x${range[1]}`); at < end; at += BigInt(CHUNK_BYTES - 64)) {
        const wanted = Number(end - at < CHUNK_BYTES ? end - at : BigInt(CHUNK_BYTES));
        const got = readOrSkip(memory, chunk, wanted, at);
        search.countIn(chunk.subarray(0, got));
        chunk.fill(0);
      }
    }
  } finally {
    closeSync(memory);
  }
  return search.counts;
}

/** Looks for all secrets in one pass: of each it has two bytes by which to notice it. */
class Search {
  readonly counts: number[];
  readonly #secrets: readonly Uint8Array[];
  readonly #anchors: readonly number[];
  readonly #noticed = new Map<number, number[]>();
  readonly #isNoticed = new Uint8Array(1 << 16);

  constructor(secrets: readonly Uint8Array[]) {
    this.#secrets = secrets;
    this.counts = secrets.map(() => 0);
    // Zeros are everywhere: a pair that is none finds fewer places to look at.
    this.#anchors = secrets.map((secret) => Math.max(0, secret.findIndex((byte, index) => byte !== MASK && index + 1 < secret.length)));
    secrets.forEach((secret, index) => {
      const anchor = this.#anchors[index] as number;
      const pair = (((secret[anchor] ?? 0) ^ MASK) << 8) | ((secret[anchor + 1] ?? 0) ^ MASK);
      this.#isNoticed[pair] = 1;
      this.#noticed.set(pair, [...(this.#noticed.get(pair) ?? []), index]);
    });
  }

  countIn(bytes: Buffer): void {
    for (let start = 0; start < bytes.length; start += PAGE.length) {
      const page = bytes.subarray(start, start + PAGE.length);
      if (page.length < PAGE.length || !page.equals(PAGE)) this.#countFrom(bytes, Math.max(1, start), start + page.length);
    }
  }

  #countFrom(bytes: Buffer, from: number, to: number): void {
    const isNoticed = this.#isNoticed;
    let pair = bytes[from - 1] as number;
    for (let at = from; at < to; at++) {
      pair = ((pair << 8) | (bytes[at] as number)) & 0xffff;
      if (isNoticed[pair] !== 0) this.#check(bytes, pair, at - 1);
    }
  }

  #check(bytes: Buffer, pair: number, position: number): void {
    for (const index of this.#noticed.get(pair) ?? []) {
      const start = position - (this.#anchors[index] as number);
      if ((this.#secrets[index] as Uint8Array).every((byte, offset) => bytes[start + offset] === (byte ^ MASK))) this.counts[index]!++;
    }
  }
}

/** Some mappings cannot be read (guard pages, device memory). */
function readOrSkip(memory: number, chunk: Buffer, length: number, position: bigint): number {
  try {
    return readSync(memory, chunk, 0, length, position);
  } catch {
    return 0;
  }
}
