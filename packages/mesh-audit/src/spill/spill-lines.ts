import type { LogFile } from '@lemur-bookstores/mesh-log';

const CHUNK_BYTES = 256 * 1024;
/** No line is longer: metadata is capped far below. What looks longer is damage. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
const NEWLINE = 0x0a;

/** A line with the place behind it. */
export interface SpillLine {
  /** Without its newline; valid until the next one is asked for. */
  readonly bytes: Buffer;
  readonly end: number;
}

/**
 * Whole lines of a file, from one place to another, in bounded memory. What is longer than any line comes in pieces, none of which is one;
 * what has no newline at its end does not come.
 */
export async function* spillLines(file: LogFile, from: number, to: number): AsyncGenerator<SpillLine, void> {
  let buffer = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK_BYTES, to - from)));
  let [start, filled, at] = [0, 0, from];
  while (at < to) {
    if (start > 0) buffer.copyWithin(0, start, filled);
    filled -= start;
    start = 0;
    if (filled === buffer.length) {
      if (filled >= MAX_LINE_BYTES) {
        yield { bytes: buffer.subarray(0, filled), end: at };
        filled = 0;
      } else buffer = Buffer.concat([buffer], 2 * buffer.length);
    }
    const read = await file.read(buffer.subarray(filled, Math.min(buffer.length, filled + to - at)), at);
    if (read === 0) return;
    at += read;
    filled += read;
    for (let newline = buffer.indexOf(NEWLINE, start); newline >= 0 && newline < filled; newline = buffer.indexOf(NEWLINE, start)) {
      const bytes = buffer.subarray(start, newline);
      start = newline + 1;
      yield { bytes, end: at - filled + start };
    }
  }
}
