import { MAX_RECORD_BYTES } from './message.js';

/** Below this, fresh memory costs less than keeping some. */
export const POOLED_FROM_BYTES = 16 * 1024;

/** Header byte, tag, and a fragment's head. */
const OVERHEAD_BYTES = 64;
const SIZES = [64 * 1024 + 1024, MAX_RECORD_BYTES + OVERHEAD_BYTES] as const;
/** Of each size: 5 MiB in all. */
const MAX_KEPT = 16;

/**
 * Memory of large records, used again once they have left: each would else be external memory that V8 collects the whole heap for
 * every 32 MiB (docs/adr/0009). Holds ciphertext only.
 */
class RecordPool {
  readonly #kept: readonly Buffer[][] = SIZES.map(() => []);

  /** A buffer of at least `bytes`; `undefined` where one of this size is not pooled. */
  take(bytes: number): Buffer | undefined {
    const index = SIZES.findIndex((size) => bytes <= size);
    if (bytes < POOLED_FROM_BYTES || index < 0) return undefined;
    return this.#kept[index]?.pop() ?? Buffer.allocUnsafeSlow(SIZES[index] as number);
  }

  give(buffer: Buffer): void {
    const kept = this.#kept[SIZES.indexOf(buffer.length)];
    if (kept !== undefined && kept.length < MAX_KEPT) kept.push(buffer);
  }
}

/** Shared by all sessions of the process. */
export const recordPool = new RecordPool();
