import { join } from 'node:path';
import { errorCode, nodeFileSystem, type FileSystem } from './file-system.js';
import { logDirectories } from './log-directories.js';
import { listSegments, type SegmentFile } from './segment.js';
import { endsOf, readHead, type SegmentHead } from './segment-head.js';
import { readLines } from './segment-lines.js';

/** Which events: those that fit everything that is given. */
export interface LogFilter {
  /** By the events' `timestamp`, inclusive. */
  readonly since?: Date;
  /** Exclusive. */
  readonly until?: Date;
  readonly eventType?: string;
  readonly serviceId?: string;
  /** `details.success`. */
  readonly success?: boolean;
  /** How many at most, from the oldest on. Default: all. */
  readonly limit?: number;
  /** Default: the machine's. */
  readonly fileSystem?: FileSystem;
}

/** One event as it stands in a log. */
export interface LoggedEvent {
  /** The log's folder, relative to the one that was asked for; `''` for that itself. */
  readonly log: string;
  /** Index of the record. */
  readonly n: number;
  /** What was appended, parsed. */
  readonly event: Readonly<Record<string, unknown>>;
}

/** How much later than its own timestamp an event may come into the log with the clock set back meanwhile. */
const CLOCK_SLACK_MS = 3_600_000;

/**
 * Reads the events of a log, or of all logs in the folders of a folder, one log after the other, in bounded memory. Lines that are no
 * records are passed over: whether a log is whole is for `verifyAuditLog` to say.
 * @throws MeshError `log_tampered` where a file cannot be read as a segment at all
 */
export async function* queryLog(directory: string, filter: LogFilter = {}): AsyncGenerator<LoggedEvent, void, undefined> {
  const { fileSystem = nodeFileSystem, limit = Number.POSITIVE_INFINITY } = filter;
  let found = 0;
  if (limit <= 0) return;
  for (const log of await logDirectories(fileSystem, directory)) {
    for await (const { n, event } of eventsOf(fileSystem, join(directory, log), filter)) {
      yield { log, n, event };
      found += 1;
      if (found >= limit) return;
    }
  }
}

async function* eventsOf(fileSystem: FileSystem, directory: string, filter: LogFilter): AsyncGenerator<Omit<LoggedEvent, 'log'>, void, undefined> {
  const heads: SegmentHead[] = [];
  for (const file of await listSegments(fileSystem, directory)) {
    const head = await orGone(readHead(fileSystem, file));
    if (head !== undefined) heads.push(head);
  }
  const ends = endsOf(heads);
  for (const [index, { file }] of heads.entries()) {
    const end = heads[index + 1]?.openedAt ?? Number.POSITIVE_INFINITY;
    // An event comes into the log after it happened: what a segment holds is older than its end.
    if (filter.since !== undefined && end + CLOCK_SLACK_MS < filter.since.getTime()) continue;
    for (const place of placesOf(file)) {
      try {
        yield* recordsOf(fileSystem, place, ends.get(file.number), filter);
        break;
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
  }
}

async function* recordsOf(
  fileSystem: FileSystem,
  file: SegmentFile,
  endBytes: number | undefined,
  filter: LogFilter,
): AsyncGenerator<Omit<LoggedEvent, 'log'>, void, undefined> {
  for await (const { lines } of readLines(fileSystem, file, endBytes)) {
    for (const line of lines) {
      const record = parseRecord(line);
      if (record !== undefined && fits(record.event, filter)) yield record;
    }
  }
}

function parseRecord(line: Buffer): Omit<LoggedEvent, 'log'> | undefined {
  const text = line.toString();
  const [, digits, own] = /^\{"n":(\d+),"prev":"[^"]*"(,"log":)?/.exec(text) ?? [];
  if (digits === undefined || own !== undefined) return undefined;
  try {
    const { n: _n, prev: _prev, ...event } = JSON.parse(text) as Record<string, unknown>;
    return { n: Number(digits), event };
  } catch {
    return undefined;
  }
}

function fits(event: Readonly<Record<string, unknown>>, { since, until, eventType, serviceId, success }: LogFilter): boolean {
  if (eventType !== undefined && event['eventType'] !== eventType) return false;
  if (serviceId !== undefined && event['serviceId'] !== serviceId) return false;
  if (success !== undefined && (event['details'] as { success?: unknown } | undefined)?.success !== success) return false;
  if (since === undefined && until === undefined) return true;
  const time = Date.parse(String(event['timestamp']));
  return time >= (since?.getTime() ?? Number.NEGATIVE_INFINITY) && time < (until?.getTime() ?? Number.POSITIVE_INFINITY);
}

/** Since it was listed a segment may have been compressed, or retired: then it is at neither place. */
const placesOf = (file: SegmentFile): SegmentFile[] => (file.compressed ? [file] : [file, { ...file, path: `${file.path}.gz`, compressed: true }]);

/** A segment may be retired, or compressed, meanwhile. */
async function orGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
