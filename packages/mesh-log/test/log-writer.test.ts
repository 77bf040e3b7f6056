import { readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, silentLogger, type Logger } from '@lemur-bookstores/mesh-interface';
import type { SignedCheckpoint } from '../src/checkpoint.js';
import { errorCode, nodeFileSystem, type FileSystem, type LogFile } from '../src/file-system.js';
import { LogWriter } from '../src/log-writer.js';
import type { LoggedEvent } from '../src/logged-event.js';
import { queryLog } from '../src/query.js';
import { NoteVerifier, openNote } from '../src/signed-note.js';
import { SigningKey } from '../src/signing-key.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { event, key, openLog, ORIGIN, publicKey, segmentsIn, temporaryDirectory } from './support/logs.js';

const fresh = (): string => join(temporaryDirectory(), 'log');
const allOf = async (directory: string): Promise<LoggedEvent[]> => {
  const events: LoggedEvent[] = [];
  for await (const each of queryLog(directory)) events.push(each);
  return events;
};
/** The machine's file system with files of another make. */
const wrapped = (change: (file: LogFile) => Partial<LogFile>): FileSystem => {
  const wrap = (file: LogFile): LogFile => {
    const methods: LogFile = {
      write: (bytes, position) => file.write(bytes, position),
      read: (into, position) => file.read(into, position),
      status: () => file.status(),
      truncate: (size) => file.truncate(size),
      syncData: () => file.syncData(),
      sync: () => file.sync(),
      close: () => file.close(),
    };
    return { ...methods, ...change(methods) };
  };
  return { ...nodeFileSystem, create: async (path) => wrap(await nodeFileSystem.create(path)), open: async (path, access) => wrap(await nodeFileSystem.open(path, access)) };
};
const failure = (code: string): Error => Object.assign(new Error(code), { code });

describe('append', () => {
  test('gives each batch its place, keeps its order, and what was appended is read back', async () => {
    const directory = fresh();
    const log = await openLog(directory);
    const places = await Promise.all([log.append([event(0), event(1)]), log.append(['{"text":"ä\\n€😀"}', {}]), log.append([])]);
    expect(places).toEqual([{ first: 2 }, { first: 4 }, { first: 6 }]);
    await log.close();
    expect((await allOf(directory)).map(({ n, event: { sequence, text } }) => [n, sequence, text])).toEqual([[2, 0, undefined], [3, 1, undefined], [4, undefined, 'ä\n€😀'], [5, undefined, undefined]]);
    const lines = readFileSync(join(directory, segmentsIn(directory)[0] as string), 'utf8').trimEnd().split('\n');
    for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
    expect(statSync(join(directory, segmentsIn(directory)[0] as string)).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  test('is acknowledged only after the sync, and one sync serves all who came meanwhile', async () => {
    const order: string[] = [];
    let release: (() => void) | undefined;
    const fileSystem = wrapped((file) => ({
      syncData: async () => {
        order.push('sync');
        await new Promise<void>((resolve) => (release = resolve));
        await file.syncData();
        order.push('synced');
      },
    }));
    const opening = openLog(fresh(), { fileSystem });
    const step = async (): Promise<void> => {
      while (release === undefined) await new Promise((resolve) => setImmediate(resolve));
      const go = release;
      release = undefined;
      go();
    };
    await Promise.all([step().then(step), opening]);
    const log = await opening;
    order.length = 0;
    const first = log.append([event(0)]).then(() => order.push('first'));
    while (release === undefined) await new Promise((resolve) => setImmediate(resolve));
    const others = Promise.all([1, 2, 3].map((sequence) => log.append([event(sequence)]).then(() => order.push('other'))));
    await step();
    await first;
    await step();
    await others;
    expect(order).toEqual(['sync', 'synced', 'first', 'sync', 'synced', 'other', 'other', 'other']);
    await Promise.all([step().then(step), log.close()]);
  });

  test.each([
    ['a member of the log', { n: 1 }],
    ['another', { prev: '' }],
    ['an own record', '{"log":"closed"}'],
    ['no object', '[1]'],
    ['two lines', '{"a":\n1}'],
    ['a zero byte', '{"a":"\0"}'],
    ['something without JSON', { big: 1n }],
    ['8 MiB', { text: 'x'.repeat(8 * 1024 * 1024) }],
  ])('refuses %s', async (_what, bad) => {
    const log = await openLog(fresh());
    await expect(log.append([event(0), bad])).rejects.toThrow(/^log_record_invalid/);
    await log.close();
    expect(await allOf(log.directory)).toEqual([]);
  });

  test('holds no more than its bound of records that wait', async () => {
    const log = await openLog(fresh(), { maxPendingBytes: 1500 });
    const appended = await Promise.allSettled(Array.from({ length: 10 }, () => log.append([{ text: 'x'.repeat(300) }])));
    expect(appended.map(({ status }) => status)).toEqual([...Array.from({ length: 3 }, () => 'fulfilled'), ...Array.from({ length: 7 }, () => 'rejected')]);
    expect((appended[9] as PromiseRejectedResult).reason).toMatchObject({ reason: 'queue_full', retryable: true });
    await log.append([{ text: 'x'.repeat(3000) }]);
    await log.close();
  });

  test('takes back what still waits when its signal says so', async () => {
    const log = await openLog(fresh());
    const abort = new AbortController();
    const [one, two] = [log.append([event(1)]), log.append([event(2)], { signal: abort.signal })];
    abort.abort();
    await expect(two).rejects.toMatchObject({ reason: 'cancelled' });
    await expect(log.append([event(3)], { signal: abort.signal })).rejects.toMatchObject({ reason: 'cancelled' });
    await one;
    await log.close();
    expect((await allOf(log.directory)).map(({ event: { sequence } }) => sequence)).toEqual([1]);
  });

  test('after close is refused, and closing twice does no harm', async () => {
    const log = await openLog(fresh());
    await Promise.all([log.close(), log.close()]);
    expect(log.state).toEqual({ kind: 'closed' });
    await expect(log.append([event(0)])).rejects.toThrow(/^log_closed/);
    await expect(log.checkpoint()).rejects.toThrow(/^log_closed/);
  });

  test('what was appended before close is in the log', async () => {
    const log = await openLog(fresh());
    const appended = Array.from({ length: 50 }, (_, sequence) => log.append([event(sequence)]));
    await log.close();
    await Promise.all(appended);
    expect(await allOf(log.directory)).toHaveLength(50);
  });
});

describe('checkpoints', () => {
  test('come at the beginning, for each 1,000 records, when asked for and at the end; all are signed and fit', async () => {
    const checkpoints: SignedCheckpoint[] = [];
    const log = await openLog(fresh(), { onCheckpoint: (checkpoint) => checkpoints.push(checkpoint) });
    expect(checkpoints.map(({ size }) => size)).toEqual([0, 2]);
    await log.append(Array.from({ length: 1500 }, (_, sequence) => event(sequence)));
    await log.append([event(1500)]);
    expect((await log.checkpoint()).size).toBe(1503);
    await log.close();
    expect(checkpoints.at(-1)?.size).toBe(1504);
    const verifier = NoteVerifier.parse(publicKey);
    for (const { note } of checkpoints) expect(openNote(note, [verifier]).signers).toEqual([verifier]);
    expect(await verifyAuditLog(log.directory, { publicKey, checkpoint: checkpoints.map(({ note }) => note) })).toMatchObject({ status: 'authentic' });
  });

  test('a listener that throws does no harm', async () => {
    const log = await openLog(fresh(), {
      onCheckpoint: () => {
        throw new Error('no');
      },
    });
    await log.append([event(0)]);
    await log.close();
    expect(log.state.kind).toBe('closed');
  });
});

describe('a disk that fails', () => {
  test('is full: it is said once, nothing is lost or doubled, and the log goes on when there is room', async () => {
    let full = false;
    const said: string[] = [];
    const logger: Logger = { ...silentLogger, error: (message) => said.push(`error: ${message}`), warn: (message) => said.push(`warn: ${message}`) };
    const fileSystem = wrapped((file) => ({
      write: async (bytes, position) => {
        if (!full) return file.write(bytes, position);
        await file.write(bytes.subarray(0, 10), position);
        throw failure('ENOSPC');
      },
    }));
    const log = await openLog(fresh(), { fileSystem, logger });
    await log.append([event(0)]);
    full = true;
    const waiting = [log.append([event(1)]), log.append([event(2)])];
    while (log.state.kind !== 'failing') await new Promise((resolve) => setImmediate(resolve));
    expect(log.state).toMatchObject({ kind: 'failing', error: { reason: 'log_write_failed' } });
    full = false;
    await Promise.all(waiting);
    expect(log.state).toEqual({ kind: 'open' });
    await log.close();
    expect(said).toEqual([expect.stringMatching(/^error: .*cannot be written/), expect.stringMatching(/^warn: .*written again/)]);
    expect((await allOf(log.directory)).map(({ event: { sequence } }) => sequence)).toEqual([0, 1, 2]);
    expect(segmentsIn(log.directory)).toHaveLength(1);
    expect((await verifyAuditLog(log.directory, { publicKey })).status).toBe('authentic');
  });

  test('stays full until the log is closed: the records are given back', async () => {
    let full = false;
    const log = await openLog(fresh(), {
      fileSystem: wrapped((file) => ({
        write: async (bytes, position) => {
          if (full) throw failure('ENOSPC');
          await file.write(bytes, position);
        },
      })),
    });
    full = true;
    const appended = log.append([event(0)]);
    const outcome = expect(appended).rejects.toMatchObject({ reason: 'log_write_failed', retryable: true });
    await expect(log.close()).rejects.toThrow(/^log_write_failed/);
    await outcome;
  });

  test('takes nothing for longer than the patience: what waits is given back, what comes later too, and the log goes on when there is room', async () => {
    let full = false;
    const clock = new FakeClock();
    const log = await openLog(fresh(), {
      clock,
      patienceMs: 5000,
      fileSystem: wrapped((file) => ({
        write: async (bytes, position) => {
          if (full) throw failure('ENOSPC');
          await file.write(bytes, position);
        },
      })),
    });
    full = true;
    const refused: string[] = [];
    const append = async (sequence: number): Promise<unknown> =>
      log.append([event(sequence)]).catch((error: MeshError) => refused.push(`${sequence} ${error.reason} ${String(error.retryable)}`));
    const checkpoint = log.checkpoint().catch((error: MeshError) => error.reason);
    const first = append(0);
    while (log.state.kind !== 'failing') await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(4900);
    expect(refused).toEqual([]);
    const second = append(1);
    // The waits between tries grow to 5 s: the try after the patience is over gives all back.
    while (refused.length < 2) await clock.advance(500);
    await Promise.all([first, second]);
    expect(await checkpoint).toBe('log_write_failed');
    const third = append(2);
    while (refused.length < 3) await clock.advance(500);
    await third;
    expect(refused).toEqual(['0 log_write_failed true', '1 log_write_failed true', '2 log_write_failed true']);
    full = false;
    const taken = append(3);
    for (let given = false; !given; given = (await Promise.race([taken, Promise.resolve('waits')])) !== 'waits') await clock.advance(500);
    expect(log.state.kind).toBe('open');
    await log.close();
    expect((await allOf(log.directory)).map(({ event: { sequence } }) => sequence)).toEqual([3]);
    expect((await verifyAuditLog(log.directory, { publicKey })).status).toBe('authentic');
  });

  test('goes on where there is room again, whatever the logger does', async () => {
    let full = false;
    const throws = (): never => {
      throw new Error('bug');
    };
    const log = await openLog(fresh(), {
      logger: { debug: throws, info: throws, warn: throws, error: throws },
      fileSystem: wrapped((file) => ({ write: (bytes, position) => (full ? Promise.reject(failure('ENOSPC')) : file.write(bytes, position)) })),
    });
    full = true;
    const appended = log.append([event(0)]);
    while (log.state.kind !== 'failing') await new Promise((resolve) => setImmediate(resolve));
    full = false;
    await appended;
    await log.close();
    expect(await allOf(log.directory)).toHaveLength(1);
  });

  test('is full when the log is opened, for longer than the patience: it is not opened, and its folder is free again', async () => {
    const directory = fresh();
    const full = wrapped(() => ({ write: async () => Promise.reject(failure('ENOSPC')) }));
    await expect(openLog(directory, { fileSystem: full, patienceMs: 0 })).rejects.toMatchObject({ reason: 'log_write_failed', retryable: true });
    const log = await openLog(directory);
    expect(log.directory).toBe(directory);
    await log.close();
  });

  test('fails a sync: the file is given up, and the batch goes to a new segment, once', async () => {
    let failing = false;
    const log = await openLog(fresh(), {
      fileSystem: wrapped((file) => ({
        syncData: async () => {
          if (failing) {
            failing = false;
            throw failure('EIO');
          }
          await file.syncData();
        },
      })),
    });
    await log.append([event(0)]);
    failing = true;
    await log.append([event(1)]);
    await log.close();
    expect(segmentsIn(log.directory)).toHaveLength(2);
    // It was written to the first file too, where it does not count.
    expect(readFileSync(join(log.directory, 'audit-00000001.jsonl'), 'utf8')).toContain('"sequence":1,');
    expect((await allOf(log.directory)).map(({ event: { sequence } }) => sequence)).toEqual([0, 1]);
    expect(await verifyAuditLog(log.directory, { publicKey })).toMatchObject({ status: 'authentic', logs: [{ clean: true }] });
  });
});

describe('a file that somebody else changes is noticed before the next record', () => {
  test.each<[string, (path: string) => void]>([
    ['deleted', (path) => rmSync(path)],
    ['truncated', (path) => truncateSync(path, 100)],
    ['grown', (path) => writeFileSync(path, 'x', { flag: 'a' })],
    [
      'replaced by a copy',
      (path) => {
        writeFileSync(`${path}.copy`, readFileSync(path));
        renameSync(`${path}.copy`, path);
      },
    ],
  ])('%s', async (_what, change) => {
    const said: string[] = [];
    const log = await openLog(fresh(), { logger: { ...silentLogger, error: (message) => said.push(message) } });
    await log.append([event(0)]);
    change(join(log.directory, 'audit-00000001.jsonl'));
    await expect(log.append([event(1)])).rejects.toMatchObject({ reason: 'log_tampered', retryable: false });
    await expect(log.append([event(2)])).rejects.toThrow(/^log_tampered/);
    expect(log.state).toMatchObject({ kind: 'stopped', error: { reason: 'log_tampered' } });
    expect(said).toEqual(['the audit log has stopped']);
    await log.close();
  });
});

describe('keys', () => {
  test('the log is handed over by a record and a checkpoint signed by both', async () => {
    const directory = fresh();
    const [next, last] = [SigningKey.generate(), SigningKey.generate()];
    const checkpoints: string[] = [];
    const log = await openLog(directory, { onCheckpoint: ({ note }) => checkpoints.push(note) });
    await log.append([event(0)]);
    await log.rotateKey(next);
    expect(log.publicKey).toBe(next.verifierKey(ORIGIN));
    const both = checkpoints.find((note) => note.split('\n— ').length === 3) as string;
    expect(openNote(both, [key, next].map((each) => NoteVerifier.parse(each.verifierKey(ORIGIN)))).signers).toHaveLength(2);
    await log.append([event(1)]);
    await log.close();

    const reopened = await openLog(directory, { key: last, previousKeys: [next, key] });
    expect(reopened.publicKey).toBe(last.verifierKey(ORIGIN));
    await reopened.append([event(2)]);
    await reopened.close();
    for (const trusted of [key, next, last]) {
      expect(await verifyAuditLog(directory, { publicKey: trusted.verifierKey(ORIGIN) })).toMatchObject({ status: 'authentic', logs: [{ notAuthenticated: [] }] });
    }
    // Kept checkpoints of all three keys, under the first alone: it vouched for the second, and that for the third.
    expect((await verifyAuditLog(directory, { publicKey, checkpoint: checkpoints })).status).toBe('authentic');
    expect((await verifyAuditLog(directory, { publicKey: SigningKey.generate().verifierKey(ORIGIN) })).status).toBe('tampered');
    expect((await verifyAuditLog(directory, { publicKey: key.publicKey.toString('base64') })).status).toBe('authentic');
  });

  test('a log whose key is not there is not written to', async () => {
    const directory = fresh();
    await (await openLog(directory)).close();
    await expect(openLog(directory, { key: SigningKey.generate() })).rejects.toThrow(/^log_key_missing/);
    await (await openLog(directory)).close();
  });
});

describe('open', () => {
  test('names every wrong option', async () => {
    const bad = { directory: 'relative', origin: 'two words', key: undefined as unknown as SigningKey, rotation: { maxBytes: 1 }, timezone: 'mars' as 'utc', retentionDays: 0, sync: 'never' as 'none', maxPendingBytes: -1, patienceMs: -1 };
    const error = (await LogWriter.open(bad).catch((thrown: unknown) => thrown)) as MeshError;
    expect(error.reason).toBe('invalid_option');
    expect((error.details as { problems: string[] }).problems.map((text) => text.replace(/:.*/, ''))).toEqual(['directory', 'origin', 'key', 'rotation', 'timezone', 'retentionDays', 'sync', 'maxPendingBytes', 'patienceMs']);
  });

  test('refuses the log of another origin', async () => {
    const directory = fresh();
    await (await openLog(directory)).close();
    await expect(openLog(directory, { origin: 'example.org/other' })).rejects.toThrow(/^invalid_option: origin/);
  });

  test('goes on where it was closed', async () => {
    const directory = fresh();
    for (let sequence = 0; sequence < 5; sequence++) {
      const log = await openLog(directory);
      await log.append([event(sequence)]);
      await log.close();
    }
    expect(segmentsIn(directory)).toHaveLength(1);
    expect((await allOf(directory)).map(({ event: { sequence } }) => sequence)).toEqual([0, 1, 2, 3, 4]);
    expect(await verifyAuditLog(directory, { publicKey })).toMatchObject({ status: 'authentic', logs: [{ clean: true, notAuthenticated: [] }] });
  });

  test('does not go on with a log that was tampered with', async () => {
    const directory = fresh();
    const log = await openLog(directory);
    await log.append([event(0), event(1)]);
    await log.close();
    const path = join(directory, 'audit-00000001.jsonl');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"sequence":0', '"sequence":9'));
    await expect(openLog(directory)).rejects.toThrow(/^log_tampered/);
    await expect(nodeFileSystem.open(join(directory, 'none'), 'read').catch((error: unknown) => errorCode(error))).resolves.toBe('ENOENT');
  });

  test("sync 'none' acknowledges what is written, and syncs at checkpoints", async () => {
    let syncs = 0;
    const log = await openLog(fresh(), {
      sync: 'none',
      fileSystem: wrapped((file) => ({
        syncData: async () => {
          syncs += 1;
          await file.syncData();
        },
      })),
    });
    syncs = 0;
    for (let sequence = 0; sequence < 20; sequence++) await log.append([event(sequence)]);
    expect(syncs).toBe(0);
    await log.checkpoint();
    expect(syncs).toBeGreaterThan(0);
    await log.close();
    expect((await verifyAuditLog(log.directory, { publicKey })).status).toBe('authentic');
  });
});
