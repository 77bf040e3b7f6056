import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { FileSystem, LogFile } from './file-system.js';
import type { SegmentFile } from './segment.js';
import { chunksOf } from './segment-lines.js';

/** What a compressed segment's record says. */
export interface CompressedSegment {
  readonly segment: string;
  /** Base64, of the .gz. */
  readonly sha256: string;
  /** Of the plain segment. */
  readonly bytes: number;
}

/**
 * Compresses a closed segment, in the one order in which no crash loses it (PROTOCOL 7.7): temporary file → fsync → rename → fsync of the
 * folder → durable record → unlink of the plain one → fsync of the folder. Cut off anywhere, it is done anew: until the last step the
 * plain one is there, and wins.
 * @param record makes the record durable
 * @param signal ends it before that
 */
export async function compressSegment(
  fileSystem: FileSystem,
  directory: string,
  { path, name }: SegmentFile,
  record: (compressed: CompressedSegment) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const temporary = `${path}.gz.tmp`;
  if ((await fileSystem.status(temporary)) !== undefined) await fileSystem.unlink(temporary);
  const source = await fileSystem.open(path, 'read');
  const target = await fileSystem.create(temporary).catch(async (error: unknown) => {
    await source.close();
    throw error;
  });
  let written: Omit<CompressedSegment, 'segment'>;
  try {
    written = await gzip(source, target, signal);
    await target.sync();
  } catch (error) {
    await fileSystem.unlink(temporary).catch(() => undefined);
    throw error;
  } finally {
    await source.close();
    await target.close();
  }
  await fileSystem.rename(temporary, `${path}.gz`);
  await fileSystem.syncDirectory(directory);
  await record({ segment: name, ...written });
  await fileSystem.unlink(path);
  await fileSystem.syncDirectory(directory);
}

async function gzip(source: LogFile, target: LogFile, signal: AbortSignal): Promise<Omit<CompressedSegment, 'segment'>> {
  const hash = createHash('sha256');
  const compressor = createGzip();
  Readable.from(chunksOf(source))
    .on('error', (error) => compressor.destroy(error))
    .pipe(compressor);
  let position = 0;
  for await (const piece of compressor) {
    const bytes = piece as Buffer;
    signal.throwIfAborted();
    hash.update(bytes);
    await target.write(bytes, position);
    position += bytes.length;
  }
  return { sha256: hash.digest('base64'), bytes: compressor.bytesWritten };
}

/** Base64 SHA-256 of a file. */
export async function sha256Of(fileSystem: FileSystem, path: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await fileSystem.open(path, 'read');
  try {
    for await (const chunk of chunksOf(file)) hash.update(chunk);
  } finally {
    await file.close();
  }
  return hash.digest('base64');
}
