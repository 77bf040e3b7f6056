import { join } from 'node:path';
import { systemClock, type Clock } from '@lemur-bookstores/mesh-interface';
import { nodeFileSystem, type FileSystem } from './file-system.js';
import { LogCursor } from './log-cursor.js';
import { logDirectories } from './log-directories.js';
import { fits, type EventFilter } from './log-filter.js';
import type { LoggedEvent } from './logged-event.js';
import { mergeByTime } from './merge-by-time.js';
import { newestOf } from './query.js';

/** Which events, and until when. */
export interface TailOptions extends EventFilter {
  /** How many of those that are there, the newest. Default 10. */
  readonly last?: number;
  /** Whether to go on with what is written from then on, until {@link signal} aborts. Default true. */
  readonly follow?: boolean;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** How often to look, in ms. Default 250. */
  readonly pollMs?: number;
  /** Default: the machine's, whose timers keep no process alive. */
  readonly clock?: Clock;
  /** Default: the machine's. */
  readonly fileSystem?: FileSystem;
}

/**
 * The newest events of a log, or of all logs in the folders of a folder, and then those that are written: across rotation, compression and
 * retirement, and from logs that are begun meanwhile. Each event comes once; within one look at the folder several logs are joined by
 * time. Events are shown as soon as they are in the file, a moment before they are durable. Memory is bounded by `last` events a log.
 * @throws MeshError `log_tampered` where a file cannot be read as a segment, or became shorter
 */
export async function* tailLog(directory: string, options: TailOptions = {}): AsyncGenerator<LoggedEvent, void, undefined> {
  const { last = 10, follow = true, signal, pollMs = 250, clock = systemClock, fileSystem = nodeFileSystem, ...filter } = options;
  const ended = (): boolean => signal?.aborted === true;
  const cursors = new Map<string, LogCursor>();
  const newest: AsyncGenerator<LoggedEvent, void, undefined>[] = [];
  for (const log of await logDirectories(fileSystem, directory)) {
    const cursor = new LogCursor(fileSystem, join(directory, log));
    cursors.set(log, cursor);
    newest.push(named(log, await cursor.last(last, filter)));
  }
  yield* await newestOf(last, mergeByTime(newest));
  while (follow && !ended()) {
    const coming = [...cursors].map(([log, cursor]) => named(log, cursor.read()));
    for await (const event of mergeByTime(coming)) {
      if (fits(event.event, filter)) yield event;
      if (ended()) return;
    }
    await pause(clock, pollMs, signal);
    for (const log of await logDirectories(fileSystem, directory)) {
      if (!cursors.has(log)) cursors.set(log, new LogCursor(fileSystem, join(directory, log)));
    }
  }
}

async function* named(log: string, records: Iterable<Omit<LoggedEvent, 'log'>> | AsyncIterable<Omit<LoggedEvent, 'log'>>): AsyncGenerator<LoggedEvent, void, undefined> {
  for await (const record of records) yield { log, ...record };
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.setTimeout(done, delayMs);
    signal?.addEventListener('abort', done);
    if (signal?.aborted === true) done();
  });
}
