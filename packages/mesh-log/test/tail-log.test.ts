import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { nodeFileSystem, type FileSystem, type LogFile } from '../src/file-system.js';
import { LogCursor } from '../src/log-cursor.js';
import { queryLog } from '../src/query.js';
import { tailLog, type TailOptions } from '../src/tail-log.js';
import { copyOf, event, openLog, segmentsIn, temporaryDirectory } from './support/logs.js';
import { SimulatedDisk, type DiskFault } from './support/simulated-disk.js';
import { DIRECTORY, SimulatedLog } from './support/simulated-log.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Somebody who follows a log, on a clock of his own. */
class Follower {
  readonly sequences: unknown[] = [];
  readonly clock = new FakeClock(0);
  readonly #abort = new AbortController();
  readonly ended: Promise<void>;

  constructor(directory: string, options: TailOptions = {}) {
    this.ended = this.#follow(directory, options);
  }

  /** Lets him look until he has seen so many. */
  async sees(count: number): Promise<unknown[]> {
    await this.#waits();
    for (const deadline = performance.now() + 10_000; this.sequences.length < count && performance.now() < deadline; ) await this.#look();
    // And a little more, for what should not come.
    for (let look = 0; look < 2; look++) await this.#look();
    return this.sequences;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.ended;
  }

  async #look(): Promise<void> {
    await this.clock.advance(250);
    await this.#waits();
  }

  /** Until he has looked, and waits for the next time. */
  async #waits(): Promise<void> {
    while (this.clock.pendingTimers === 0) await turn();
  }

  async #follow(directory: string, options: TailOptions): Promise<void> {
    for await (const { event: seen } of tailLog(directory, { last: 0, clock: this.clock, signal: this.#abort.signal, ...options })) this.sequences.push(seen['sequence']);
  }
}

async function sequencesOf(cursor: LogCursor): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { event: each } of cursor.read()) found.push(each['sequence']);
  return found;
}

const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

describe('the newest events', () => {
  const parent = temporaryDirectory();
  const last = async (options: TailOptions, directory = parent): Promise<unknown[]> => {
    const found: unknown[] = [];
    for await (const { event: each } of tailLog(directory, { follow: false, ...options })) found.push(each['sequence']);
    return found;
  };

  test('of all logs in a folder, over segments, compressed ones too', async () => {
    const one = await openLog(join(parent, 'one'), { compress: true });
    const two = await openLog(join(parent, 'two'));
    for (const sequence of upTo(20)) {
      await (sequence % 4 === 3 ? two : one).append([event(sequence)]);
      if (sequence % 8 === 5) await one.rotate();
    }
    while (segmentsIn(one.directory).filter((name) => name.endsWith('.jsonl')).length > 1) await turn();
    await Promise.all([one.close(), two.close()]);
    expect(await last({})).toEqual(upTo(10, 10));
    expect(await last({ last: 1000 })).toEqual(upTo(20));
    expect(await last({ last: 3 }, join(parent, 'one'))).toEqual([16, 17, 18]);
    expect(await last({ last: 0 })).toEqual([]);
    expect(await last({ last: 2, eventType: 'message' })).toEqual([16, 18]);
    expect(await last({ last: 5, action: 'none' })).toEqual([]);
    expect(await last({ since: new Date(Date.UTC(2026, 0, 1) + 18_000) })).toEqual([18, 19]);
    expect(await last({ since: new Date(Date.now() + 7_200_000) })).toEqual([]);
    expect(await last({}, join(parent, 'none'))).toEqual([]);
  });
});

describe('a follower', () => {
  test('sees what is written from then on, after the newest that were there', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'));
    await log.append(upTo(5).map(event));
    const follower = new Follower(log.directory, { last: 2 });
    expect(await follower.sees(2)).toEqual([3, 4]);
    await log.append([event(5), event(6)]);
    expect(await follower.sees(4)).toEqual([3, 4, 5, 6]);
    await log.append([event(7)]);
    await log.close();
    expect(await follower.sees(5)).toEqual(upTo(5, 3));
    await follower.stop();
  });

  test('goes on over rotations, those between two looks too, compression and a restart of the writer', async () => {
    const directory = join(temporaryDirectory(), 'log');
    let log = await openLog(directory, { compress: true });
    const follower = new Follower(directory);
    await follower.sees(0);
    const putAway = async (): Promise<void> => {
      while (segmentsIn(directory).filter((name) => name.endsWith('.jsonl')).length > 1) await turn();
    };
    for (const sequence of upTo(30)) {
      await log.append([event(sequence)]);
      if (sequence % 10 === 2) await follower.sees(sequence + 1);
      if (sequence % 3 === 0) await log.rotate();
      if (sequence % 6 === 0) await putAway();
      if (sequence % 10 !== 7) continue;
      await log.close();
      log = await openLog(directory, { compress: true });
    }
    expect(await follower.sees(30)).toEqual(upTo(30));
    await putAway();
    await log.close();
    expect(await follower.sees(30)).toEqual(upTo(30));
    await follower.stop();
  });

  test('sees logs that are begun meanwhile, from their first event on, in a folder that was empty too', async () => {
    const parent = temporaryDirectory();
    const follower = new Follower(parent);
    await follower.sees(0);
    const one = await openLog(join(parent, 'service'));
    await one.append([event(0)]);
    expect(await follower.sees(1)).toEqual([0]);
    const two = await openLog(join(parent, 'service'));
    expect(two.directory).toBe(join(parent, 'service-2'));
    await two.append([event(1)]);
    expect(await follower.sees(2)).toEqual([0, 1]);
    await Promise.all([one.append([event(3)]), two.append([event(2)])]);
    expect((await follower.sees(4)).slice(2).sort()).toEqual([2, 3]);
    await Promise.all([one.close(), two.close()]);
    await follower.stop();
  });

  test('gets what fits only', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'));
    const follower = new Follower(log.directory, { eventType: 'connection', success: true });
    await follower.sees(0);
    await log.append(upTo(8).map(event));
    await log.close();
    expect(await follower.sees(3)).toEqual([1, 5, 7]);
    await follower.stop();
  });

  test('never takes a line for whole that is not', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'));
    await log.append(upTo(6).map(event));
    await log.close();
    const copy = copyOf(log.directory);
    const path = join(copy, 'audit-00000001.jsonl');
    const whole = readFileSync(path);
    const cursor = new LogCursor(nodeFileSystem, copy);
    const found: unknown[] = [];
    for (let length = 0; length <= whole.length; length += 17) {
      writeFileSync(path, whole.subarray(0, length));
      found.push(...(await sequencesOf(cursor)));
    }
    expect(found).toEqual(upTo(6));
  });

  test('ends with its signal, also while it reads', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'));
    await log.append(upTo(100).map(event));
    await log.close();
    const abort = new AbortController();
    const found: unknown[] = [];
    for await (const { n } of tailLog(log.directory, { last: 0, signal: AbortSignal.abort() })) found.push(n);
    const clock = new FakeClock(0);
    const following = (async () => {
      for await (const { n } of tailLog(temporaryDirectory(), { clock, signal: abort.signal })) found.push(n);
    })();
    await turn();
    abort.abort();
    await following;
    expect(found).toEqual([]);
  });

  test('says so where a log becomes shorter than it was', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'));
    await log.append(upTo(6).map(event));
    await log.checkpoint();
    await log.append([event(6)]);
    await log.close();
    const copy = copyOf(log.directory);
    const cursor = new LogCursor(nodeFileSystem, copy);
    expect(await cursor.last(1, {})).toHaveLength(1);
    truncateSync(join(copy, 'audit-00000001.jsonl'), 300);
    await expect(sequencesOf(cursor)).rejects.toThrow(/^log_tampered: 'audit-00000001.jsonl' in .* became shorter/);
  });

  test('a log that is replaced by another is read from its first event on', async () => {
    const parent = temporaryDirectory();
    const old = await openLog(join(parent, 'old'));
    await old.rotate();
    await old.append([event(0)]);
    await old.close();
    const cursor = new LogCursor(nodeFileSystem, join(parent, 'old'));
    expect(await cursor.last(10, {})).toHaveLength(1);
    renameSync(join(parent, 'old'), join(parent, 'away'));
    expect(await sequencesOf(cursor)).toEqual([]);
    const log = await openLog(join(parent, 'old'));
    await log.append([event(1)]);
    expect(await sequencesOf(cursor)).toEqual([1]);
    await log.close();
  });

  test('a segment that was compressed between two looks is read on where it was left', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'));
    await log.append(upTo(3).map(event));
    const copy = copyOf(log.directory);
    const cursor = new LogCursor(nodeFileSystem, copy);
    expect(await cursor.last(10, {})).toHaveLength(3);
    await log.append([event(3)]);
    await log.rotate();
    await log.append([event(4)]);
    await log.close();
    const [first, second] = ['audit-00000001.jsonl', 'audit-00000002.jsonl'].map((name) => readFileSync(join(log.directory, name)));
    rmSync(join(copy, 'audit-00000001.jsonl'));
    writeFileSync(join(copy, 'audit-00000001.jsonl.gz'), gzipSync(first as Buffer));
    writeFileSync(join(copy, 'audit-00000002.jsonl'), second as Buffer);
    expect(await sequencesOf(cursor)).toEqual([3, 4]);
  });
});

describe('what was cut back and written again before the next look', () => {
  test('is noticed where it is longer than before, too: the chain does not go on', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'));
    await log.append([event(0), event(1)]);
    await log.checkpoint();
    await log.append([event(2), event(3), event(4)]);
    await log.close();
    const copy = copyOf(log.directory);
    const path = join(copy, 'audit-00000001.jsonl');
    const lines = readFileSync(path, 'utf8').split('\n');
    const checkpoint = lines.findIndex((line) => line.includes('"sequence":2')) - 1;
    expect(lines[checkpoint]).toMatch(/^\{"checkpoint":/);
    const lastOfFirst = lines.findIndex((line) => line.includes('"sequence":3'));
    // First without the checkpoint, which then was due, and moved all behind it.
    writeFileSync(path, `${lines.filter((_, index) => index !== checkpoint && index <= lastOfFirst).join('\n')}\n`);
    const cursor = new LogCursor(nodeFileSystem, copy);
    expect(await sequencesOf(cursor)).toEqual([0, 1, 2, 3]);
    writeFileSync(path, lines.join('\n'));
    expect(await sequencesOf(cursor)).toEqual([4]);
  });
});

describe('a follower beside a disk that fails', () => {
  /** A repeatable choice of faults. */
  function faults(seed: number, chance: number): (kind: string) => DiskFault | undefined {
    let state = seed * 7919 + 1;
    const random = (): number => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
    return (kind) => {
      if (random() >= chance) return undefined;
      return kind === 'write' ? (random() < 0.7 ? 'full' : 'fail') : kind === 'sync' || kind === 'create' || kind === 'syncDirectory' ? 'fail' : undefined;
    };
  }

  /** The writer's disk, a turn slower at each step, so that a reader gets between any two. */
  function slowed(disk: SimulatedDisk): FileSystem {
    const then = async <T>(step: Promise<T>): Promise<T> => step.finally(turn);
    const slow = (file: LogFile): LogFile => ({
      ...file,
      write: (bytes, position) => then(file.write(bytes, position)),
      truncate: (size) => then(file.truncate(size)),
      syncData: () => then(file.syncData()),
      sync: () => then(file.sync()),
    });
    return {
      makeDirectory: (path) => disk.makeDirectory(path),
      list: (directory) => disk.list(directory),
      status: (path) => disk.status(path),
      create: async (path) => slow(await then(disk.create(path))),
      open: async (path) => slow(await disk.open(path)),
      rename: (from, to) => then(disk.rename(from, to)),
      unlink: (path) => then(disk.unlink(path)),
      syncDirectory: (directory) => then(disk.syncDirectory(directory)),
    };
  }

  test('sees each event of the log once and in order, whatever is cut back, given up and written again', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const fault = faults(seed, 0.15);
      let failing = false;
      const disk = new SimulatedDisk(({ kind }) => (failing ? fault(kind) : undefined));
      const log = new SimulatedLog(disk, { rotation: { maxBytes: 4096 }, fileSystem: slowed(disk) });
      await log.open();
      const cursor = new LogCursor(disk, DIRECTORY);
      const seen: string[] = [];
      let following = true;
      const look = async (): Promise<void> => {
        for await (const { event: each } of cursor.read()) seen.push(JSON.stringify(each));
      };
      const follow = (async () => {
        while (following) {
          await look();
          // Some look at each step, some now and then: what was cut back may be written again by then.
          for (let pause = 0; pause <= seed % 8; pause++) await turn();
        }
      })();
      failing = true;
      for (let round = 0; round < 10; round++) await log.drive(log.append(1 + (round % 4) * 3));
      failing = false;
      await log.drive(log.append(1));
      await log.drive(log.writer.close());
      following = false;
      await follow;
      await look();
      const written: string[] = [];
      for await (const { event: each } of queryLog(DIRECTORY, { fileSystem: disk })) written.push(JSON.stringify(each));
      expect([seed, seen]).toEqual([seed, written]);
      expect(written).toHaveLength(log.acknowledged.size);
    }
  });
});
