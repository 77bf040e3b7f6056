import { appendFileSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import { SigningKey, verifyAuditLog } from '@lemur-bookstores/mesh-log';
import { FileAdapter } from '../src/file-adapter.js';
import { allOf, collectingLogger, contextOf, delivered, driven, eventOf, failure, fileAdapter, fileSystemWith, segmentsIn, temporaryDirectory, turn, until } from './support/support.js';

const errorOf = (promise: Promise<unknown>): Promise<MeshError> => promise.then(() => Promise.reject(new Error('it succeeded')), (error: unknown) => error as MeshError);
const errorsOf = (said: readonly string[]): string[] => said.filter((line) => line.startsWith('error: '));

describe('a file that somebody else changes', () => {
  test.each<[string, (path: string) => void]>([
    ['deleted', (path) => rmSync(path)],
    ['moved away, as logrotate does', (path) => renameSync(path, `${path}.1`)],
    ['truncated', (path) => truncateSync(path, 100)],
    ['emptied, as copytruncate does', (path) => truncateSync(path, 0)],
    ['written to', (path) => appendFileSync(path, '{}\n')],
    ['replaced by a copy', (path) => (copyFileSync(path, `${path}.copy`), renameSync(`${path}.copy`, path))],
  ])('%s, is noticed before the next event is acknowledged: the log stops, and says so', async (_what, change) => {
    const context = contextOf({ logger: collectingLogger() });
    const { said } = context.logger as ReturnType<typeof collectingLogger>;
    const adapter = fileAdapter(temporaryDirectory(), { logger: undefined });
    await adapter.start(context);
    await adapter.logEvent(eventOf());
    const path = join(adapter.directory as string, 'audit-00000001.jsonl');
    change(path);
    const [error, again] = [await errorOf(adapter.logEvent(eventOf())), await errorOf(adapter.logEvents([eventOf()]))];
    expect([error.reason, error.text]).toEqual(['log_tampered', expect.stringContaining(path)]);
    // Not the event's fault: it is kept for the next process where there is a spill.
    expect([error.retryable, again.reason, again.retryable]).toEqual([true, 'log_tampered', true]);
    expect(errorsOf(said)).toEqual([expect.stringContaining('the audit log has stopped')]);
    await adapter.close();
  });

  test('a log that does not fit itself is not opened, whatever is in it is left alone, and once it is gone the next event begins a new one', async () => {
    const directory = temporaryDirectory();
    const first = fileAdapter(directory);
    await first.logEvents([eventOf(), eventOf()]);
    await first.close();
    const log = join(directory, 'order-service');
    const path = join(log, 'audit-00000001.jsonl');
    const tampered = readFileSync(path, 'utf8').replace('"success":false', '"success":true');
    writeFileSync(path, tampered);

    const clock = new FakeClock();
    const logger = collectingLogger();
    const adapter = fileAdapter(directory, { clock, logger });
    const error = await errorOf(adapter.logEvent(eventOf()));
    expect([error.reason, error.retryable, error.retryAfterMs]).toEqual(['log_tampered', true, 1000]);
    expect(readFileSync(path, 'utf8')).toBe(tampered);
    renameSync(log, join(temporaryDirectory(), 'evidence'));
    // Not looked at again for every event.
    expect((await errorOf(adapter.logEvent(eventOf()))).reason).toBe('log_tampered');
    await clock.advance(1000);
    await adapter.logEvent(eventOf());
    expect(await allOf(adapter.query())).toHaveLength(1);
    expect(errorsOf(logger.said)).toEqual([expect.stringMatching(/cannot be opened.*log_tampered/)]);
  });
});

describe('keys', () => {
  test('a log whose key is gone is not written to, and is once the key is back', async () => {
    const directory = temporaryDirectory();
    const keys = temporaryDirectory();
    const first = fileAdapter(directory, { signWith: keys });
    await first.logEvent(eventOf());
    await first.close();
    renameSync(join(keys, 'audit'), join(keys, 'away'));
    const clock = new FakeClock();
    const adapter = fileAdapter(directory, { signWith: keys, clock });
    const error = await errorOf(adapter.start(contextOf()));
    expect([error.reason, error.retryable]).toEqual(['log_key_missing', true]);
    rmSync(join(keys, 'audit'), { recursive: true });
    renameSync(join(keys, 'away'), join(keys, 'audit'));
    await clock.advance(1000);
    await adapter.logEvent(eventOf());
    expect(await allOf(adapter.query())).toHaveLength(2);
  });

  test('that others can read are refused', async () => {
    const keys = temporaryDirectory();
    mkdirSync(join(keys, 'audit'), { mode: 0o755 });
    const error = await errorOf(fileAdapter(temporaryDirectory(), { signWith: keys }).logEvent(eventOf()));
    expect([error.reason, error.retryable]).toEqual(['keys_dir_unsafe', true]);
  });

  test('are shown nowhere', async () => {
    const { inspect } = await import('node:util');
    const key = SigningKey.generate();
    const adapter = fileAdapter(temporaryDirectory(), { signWith: key });
    await adapter.logEvent(eventOf());
    const secret = key.toPem().split('\n')[1] as string;
    for (const shown of [inspect(adapter, { depth: 20, showHidden: true }), JSON.stringify(adapter), String(adapter)]) expect(shown).not.toContain(secret);
  });
});

describe('a disk that is full', () => {
  test('is said once; events wait, are given back after a while to be tried again, and none is lost or doubled', async () => {
    let full = false;
    const clock = new FakeClock();
    const context = contextOf({ clock, logger: collectingLogger() });
    const { said } = context.logger as ReturnType<typeof collectingLogger>;
    const adapter = fileAdapter(temporaryDirectory(), {
      logger: undefined,
      fileSystem: fileSystemWith((file) => ({
        write: async (bytes, position) => {
          if (!full) return file.write(bytes, position);
          await file.write(bytes.subarray(0, 10), position);
          throw failure('ENOSPC');
        },
      })),
    });
    await adapter.start(context);
    const events = [eventOf(), eventOf(), eventOf(), eventOf()];
    await adapter.logEvent(events[0]!);
    full = true;

    // Short: it is waited for.
    const short = adapter.logEvent(events[1]!);
    await until('the disk is found full', () => errorsOf(said).length === 1, clock);
    expect(await Promise.race([short, Promise.resolve('waits')])).toBe('waits');
    // The log waits for the clock: no try that began while the disk was full is under way, and may come to an end after its patience.
    full = false;
    await driven(short, clock);

    // Long: it is given back.
    full = true;
    const given = await driven(errorOf(adapter.logEvents([events[2]!], { signal: new AbortController().signal })), clock);
    expect(given).toMatchObject({ reason: 'log_write_failed', retryable: true, message: expect.stringContaining('ENOSPC') });
    expect(errorsOf(said)).toEqual([expect.stringMatching(/cannot be written.*ENOSPC/), expect.stringMatching(/cannot be written.*ENOSPC/)]);
    full = false;
    // A try that began while the disk was full may still fail, and give back what came meanwhile.
    await delivered(adapter, [events[2]!, events[3]!], clock);
    await adapter.close();
    expect(await allOf(adapter.query())).toEqual(events);
    expect((await verifyAuditLog(adapter.directory as string, { publicKey: adapter.publicKey as string })).status).toBe('authentic');
  });

  test('from the start: no log is begun, close() does not hang, and there is one as soon as there is room', async () => {
    let full = true;
    const clock = new FakeClock();
    const fileSystem = fileSystemWith((file) => ({ write: (bytes, position) => (full ? Promise.reject(failure('ENOSPC')) : file.write(bytes, position)) }));
    const directory = temporaryDirectory();
    const adapter = fileAdapter(directory, { clock, fileSystem });
    const refused = await driven(errorOf(adapter.logEvent(eventOf())), clock);
    expect([refused.reason, refused.retryable]).toEqual(['log_write_failed', true]);
    full = false;
    await clock.advance(1000);
    await adapter.logEvent(eventOf());
    await adapter.close();
    expect(await allOf(adapter.query())).toHaveLength(1);

    full = true;
    const other = fileAdapter(temporaryDirectory(), { clock, fileSystem });
    const gone = errorOf(other.logEvent(eventOf()));
    await turn();
    await driven(Promise.all([gone, other.close()]), clock);
  });
});

describe('a disk that fails', () => {
  test('a sync: the file is given up, and the events are in a new one, once', async () => {
    let failing = false;
    const adapter = fileAdapter(temporaryDirectory(), {
      fileSystem: fileSystemWith((file) => ({
        syncData: async () => {
          if (!failing) return file.syncData();
          failing = false;
          throw failure('EIO');
        },
      })),
    });
    const events = [eventOf(), eventOf(), eventOf()];
    await adapter.logEvent(events[0]!);
    failing = true;
    await adapter.logEvents(events.slice(1));
    await adapter.close();
    expect(segmentsIn(adapter.directory)).toHaveLength(2);
    expect(await allOf(new FileAdapter(join(adapter.directory as string, '..')).query())).toEqual(events);
    expect((await verifyAuditLog(adapter.directory as string, { publicKey: adapter.publicKey as string })).status).toBe('authentic');
  });

  test('a folder that cannot be made: retryable, with a reason', async () => {
    const error = await errorOf(fileAdapter('/dev/null/logs').logEvent(eventOf()));
    expect([error.reason, error.retryable]).toEqual(['log_locked', true]);
  });
});

describe('an event that cannot be logged', () => {
  test('is refused for good, and takes its batch with it but no other', async () => {
    const adapter = fileAdapter(temporaryDirectory());
    const bad = eventOf({ details: { action: 'x', success: true, metadata: { big: 1n } } });
    const huge = eventOf({ details: { action: 'x', success: true, metadata: { text: 'x'.repeat(9 * 1_048_576) } } });
    for (const event of [bad, huge]) {
      const error = await errorOf(adapter.logEvents([eventOf(), event, eventOf()], { signal: new AbortController().signal }));
      expect([error.reason, error.retryable]).toEqual(['log_record_invalid', false]);
    }
    await expect(adapter.logEvent(bad)).rejects.toThrow(/^log_record_invalid/);
    await adapter.logEvent(eventOf());
    expect(await allOf(adapter.query())).toHaveLength(1);
  });
});
