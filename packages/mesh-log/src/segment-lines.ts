import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { errorCode, type FileSystem, type LogFile } from './file-system.js';
import { MAX_RECORD_BYTES } from './record.js';
import type { SegmentFile } from './segment.js';

/** What is read at once: little at first, since of many segments only the beginning is wanted. */
const FIRST_CHUNK_BYTES = 8 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** What is unpacked at once. */
const UNPACKED_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Some lines of a segment, in order. */
export interface LineBatch {
  /** Without their newlines. Valid until the next batch is asked for. */
  readonly lines: readonly Buffer[];
  /** Where the first of them begins in the (uncompressed) segment. */
  readonly offset: number;
  /** Only in the last batch: bytes behind the last newline, the beginning of a line that was never finished. */
  readonly incompleteBytes?: number;
}

/**
 * Reads a segment line by line in bounded memory, compressed or not, also where it was compressed since it was listed.
 * @param endBytes where to stop; default: at the end
 * @param startBytes where to begin, which must be the beginning of a line; default: at the first
 * @throws MeshError `log_tampered` for a line over the cap, or a .gz that does not decompress; Node's error, `ENOENT` where it is retired
 */
export async function* readLines(
  fileSystem: FileSystem,
  segment: SegmentFile,
  endBytes = Number.POSITIVE_INFINITY,
  startBytes = 0,
): AsyncGenerator<LineBatch, void, undefined> {
  const { file, place } = await openSegment(fileSystem, segment);
  try {
    yield* splitLines(place.compressed ? skipping(decompressed(file, place), startBytes) : chunksOf(file, startBytes), endBytes, startBytes);
  } finally {
    await file.close();
  }
}

async function openSegment(fileSystem: FileSystem, place: SegmentFile): Promise<{ file: LogFile; place: SegmentFile }> {
  try {
    return { file: await fileSystem.open(place.path, 'read'), place };
  } catch (error) {
    if (place.compressed || errorCode(error) !== 'ENOENT') throw error;
    return openSegment(fileSystem, { ...place, path: `${place.path}.gz`, compressed: true });
  }
}

async function* splitLines(chunks: AsyncIterable<Buffer>, endBytes: number, startBytes: number): AsyncGenerator<LineBatch, void, undefined> {
  let rest = Buffer.alloc(0);
  let offset = startBytes;
  for await (const chunk of chunks) {
    const room = endBytes - offset - rest.length;
    const data = rest.length === 0 ? chunk.subarray(0, room) : Buffer.concat([rest, chunk.subarray(0, room)]);
    const lines: Buffer[] = [];
    let start = 0;
    // Nothing before the old rest's end can be a newline: a long line is searched once.
    for (let end = data.indexOf(NEWLINE, rest.length); end >= 0; end = data.indexOf(NEWLINE, start)) {
      lines.push(data.subarray(start, end));
      start = end + 1;
    }
    if (lines.length > 0) yield { lines, offset };
    offset += start;
    rest = Buffer.from(data.subarray(start));
    if (rest.length > MAX_RECORD_BYTES) throw new MeshError('log_tampered', `a line has more than ${MAX_RECORD_BYTES} bytes`);
    if (offset + rest.length >= endBytes) break;
  }
  yield { lines: [], offset, incompleteBytes: rest.length };
}

/** The file's own bytes, from `start` on. */
export async function* chunksOf(file: LogFile, start = 0): AsyncGenerator<Buffer, void, undefined> {
  const { size } = await file.status();
  let position = start;
  for (let chunkBytes = FIRST_CHUNK_BYTES; ; chunkBytes = Math.min(2 * chunkBytes, CHUNK_BYTES)) {
    // A byte more than is left, so that a small file takes one read and little memory.
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, Math.max(size - position, 0) + 1));
    const length = await file.read(chunk, position);
    if (length === 0) return;
    yield chunk.subarray(0, length);
    position += length;
  }
}

/** Bounded by itself: deflate gives at most 1032 bytes for one, a chunk at a time, and the reader stops at the first bad line. */
async function* decompressed(file: LogFile, { path }: SegmentFile): AsyncGenerator<Buffer, void, undefined> {
  const gunzip = createGunzip({ chunkSize: UNPACKED_BYTES });
  // The iteration below throws what the pipeline fails with.
  pipeline(Readable.from(chunksOf(file)), gunzip, () => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (cause) {
    // The disk's own errors say nothing about what is on it.
    throw errorCode(cause).startsWith('Z_') ? new MeshError('log_tampered', `'${path}' does not decompress`, { cause }) : cause;
  }
}

/** All but the first `count` bytes. */
async function* skipping(chunks: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer, void, undefined> {
  let left = count;
  for await (const chunk of chunks) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(left - chunk.length, 0);
  }
}
