import { join } from 'node:path';
import type { FileSystem } from '@lemur-bookstores/mesh-log';
import { checkSpillLine } from './spill-line.js';
import { spillLines } from './spill-lines.js';
import { segmentName, segmentNumber, type SpillPosition, type SpillSegment } from './spill-segment.js';

/** What an earlier process left in a spill. */
export interface SpillRemains {
  /** In order. */
  readonly segments: SpillSegment[];
  /** Where the first of them is to be read from. */
  readonly offset: number;
  /** No segment had a higher number. */
  readonly highest: number;
}

/** Looks through a spill's folder; removes what was delivered, and segments without a whole line. */
export async function scanSpill(fileSystem: FileSystem, directory: string, cursor: SpillPosition): Promise<SpillRemains> {
  const numbers = (await fileSystem.list(directory)).map(segmentNumber).filter((number) => number !== undefined);
  numbers.sort((one, other) => one - other);
  const segments: SpillSegment[] = [];
  let offset = 0;
  for (const number of numbers) {
    const path = join(directory, segmentName(number));
    const from = number === cursor.segment ? cursor.offset : 0;
    const segment = number < cursor.segment ? undefined : await scanSegment(fileSystem, path, number, from);
    if (segment === undefined) {
      await fileSystem.unlink(path);
      continue;
    }
    if (segments.length === 0) offset = from;
    segments.push(segment);
  }
  return { segments, offset, highest: Math.max(cursor.segment, ...numbers) };
}

/** @returns `undefined` where nothing is left of it */
async function scanSegment(fileSystem: FileSystem, path: string, number: number, from: number): Promise<SpillSegment | undefined> {
  const file = await fileSystem.open(path, 'read');
  try {
    const { size: fileBytes } = await file.status();
    let [size, unread] = [from, 0];
    for await (const { bytes, end } of spillLines(file, from, fileBytes)) {
      size = end;
      // A damaged line stood for an event, or more: it will be missed.
      if (checkSpillLine(bytes) !== 'gap') unread++;
    }
    return size === from ? undefined : { number, path, size, fileBytes, unread };
  } finally {
    await file.close().catch(() => undefined);
  }
}
