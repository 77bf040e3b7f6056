import { join } from 'node:path';
import { errorCode, nodeFileSystem, type FileSystem } from './file-system.js';
import { logDirectories } from './log-directories.js';
import { fits, type EventFilter, type LogFilter } from './log-filter.js';
import { parseEventRecord, type EventRecord, type LoggedEvent } from './logged-event.js';
import { mergeByTime } from './merge-by-time.js';
import { listSegments, type SegmentFile } from './segment.js';
import { readHead, readLayout, type SegmentHead } from './segment-head.js';
import { readLines } from './segment-lines.js';

/** How much later than its own timestamp an event may come into the log with the clock set back meanwhile. */
const CLOCK_SLACK_MS = 3_600_000;

/**
 * Reads the events of a log, or of all logs in the folders of a folder, in bounded memory: each log in its own order, several joined by
 * time. Lines that are no records are passed over: whether a log is whole is for `verifyAuditLog` to say.
 * @throws MeshError `log_tampered` where a file cannot be read as a segment at all
 */
export async function* queryLog(directory: string, filter: LogFilter = {}): AsyncGenerator<LoggedEvent, void, undefined> {
  const { fileSystem = nodeFileSystem, limit = Number.POSITIVE_INFINITY } = filter;
  let found = 0;
  if (limit <= 0) return;
  const logs = await logDirectories(fileSystem, directory);
  for await (const event of mergeByTime(logs.map((log) => eventsOf(fileSystem, directory, log, filter)))) {
    yield event;
    found += 1;
    if (found >= limit) return;
  }
}

async function* eventsOf(fileSystem: FileSystem, parent: string, log: string, filter: EventFilter): AsyncGenerator<LoggedEvent, void, undefined> {
  const files = await listSegments(fileSystem, join(parent, log));
  const { segments, ends } = await readLayout(files, (file) => headOf(fileSystem, file));
  for (const { file, endedAt } of segments) {
    if (endedBefore(endedAt, filter.since)) continue;
    for await (const record of recordsOf(fileSystem, file, ends.get(file.number), filter)) yield { log, ...record };
  }
}

/** Whether all events of a segment that ended then are older. An event comes into the log after it happened: what a segment holds is older than its end. */
export const endedBefore = (endedAt: number, since: Date | undefined): boolean => since !== undefined && endedAt + CLOCK_SLACK_MS < since.getTime();

/** The beginning of one; `undefined` where it never got to its first record, or was retired. @throws MeshError `log_tampered` */
export async function headOf(fileSystem: FileSystem, file: SegmentFile): Promise<SegmentHead | undefined> {
  try {
    return await readHead(fileSystem, file);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}

/** The events of one segment; none where it was retired meanwhile. */
export async function* recordsOf(
  fileSystem: FileSystem,
  file: SegmentFile,
  endBytes: number | undefined,
  filter: EventFilter,
): AsyncGenerator<EventRecord, void, undefined> {
  try {
    for await (const { lines } of readLines(fileSystem, file, endBytes)) {
      for (const line of lines) {
        const record = parseEventRecord(line);
        if (record !== undefined && fits(record.event, filter)) yield record;
      }
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** The last `count` of them. */
export async function newestOf<T>(count: number, events: AsyncIterable<T>): Promise<T[]> {
  let newest: T[] = [];
  for await (const event of events) {
    newest.push(event);
    // Cut now and then: an array that is shifted for each event takes its time.
    if (newest.length >= 2 * count) newest = newest.slice(newest.length - count);
  }
  return newest.slice(Math.max(newest.length - count, 0));
}
