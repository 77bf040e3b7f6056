import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { nodeFileSystem, type FileSystem } from '../src/file-system.js';
import type { LogFilter } from '../src/log-filter.js';
import { queryLog } from '../src/query.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { event, openLog, segmentsIn, temporaryDirectory } from './support/logs.js';

const parent = temporaryDirectory();
const START = Date.UTC(2026, 0, 1);

beforeAll(async () => {
  const log = await openLog(join(parent, 'a'), { compress: true });
  for (let sequence = 0; sequence < 30; sequence++) {
    await log.append([event(sequence)]);
    if (sequence % 10 === 9) await log.rotate();
  }
  while (segmentsIn(log.directory).filter((name) => name.endsWith('.jsonl')).length > 1) await new Promise((resolve) => setImmediate(resolve));
  await log.close();
  const other = await openLog(join(parent, 'b'));
  await other.append([{ ...event(99), serviceId: 'other-service' }]);
  await other.close();
});

const sequences = async (filter: LogFilter, directory = parent): Promise<unknown[]> => {
  const found: unknown[] = [];
  for await (const { event: each } of queryLog(directory, filter)) found.push(each['sequence']);
  return found;
};
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('a query', () => {
  test('reads all logs of a folder, compressed segments too, in order', async () => {
    expect(segmentsIn(join(parent, 'a')).filter((name) => name.endsWith('.gz'))).toHaveLength(3);
    expect(await sequences({})).toEqual([...upTo(30), 99]);
    expect(await sequences({}, join(parent, 'b'))).toEqual([99]);
  });

  test.each<[string, LogFilter, number[]]>([
    ['since', { since: new Date(START + 28_000) }, [28, 29, 99]],
    ['until, exclusive', { until: new Date(START + 2000) }, [0, 1]],
    ['a span', { since: new Date(START + 5000), until: new Date(START + 7000) }, [5, 6]],
    ['event type', { eventType: 'connection', until: new Date(START + 6000) }, [1, 3, 5]],
    ['service', { serviceId: 'other-service' }, [99]],
    ['action', { action: 'message.sent', limit: 2 }, [0, 1]],
    ['an action that there is not', { action: 'message' }, []],
    ['success', { success: false, until: new Date(START + 9000) }, [0, 3, 6]],
    ['limit', { limit: 3 }, [0, 1, 2]],
    ['limit 0', { limit: 0 }, []],
    ['everything', { since: new Date(START + 4000), until: new Date(START + 20_000), eventType: 'message', serviceId: 'order-service', success: true, limit: 2 }, [4, 8]],
  ])('by %s', async (_what, filter, expected) => expect(await sequences(filter)).toEqual(expected));

  test('can be left early, and leaves nothing open', async () => {
    for await (const { log, n } of queryLog(parent)) {
      expect([log, n]).toEqual(['a', 2]);
      break;
    }
  });

  test('of a folder that is not there is empty, and its verification fails', async () => {
    expect(await sequences({}, join(parent, 'none'))).toEqual([]);
    expect(await verifyAuditLog(join(parent, 'none'))).toMatchObject({ status: 'tampered', logs: [{ problem: { text: 'there is no log' } }] });
  });

  test('a segment that ended before `since` is not read', async () => {
    const log = await openLog(join(parent, 'c'));
    await log.append([{ ...event(0), timestamp: new Date(Date.now() + 2 * 3_600_000 + 60_000) }]);
    await log.rotate();
    await log.close();
    expect(await sequences({ since: new Date(Date.now() + 2 * 3_600_000) }, join(parent, 'c'))).toEqual([]);
  });

  test('regression: events of a segment in which the clock went back are found', async () => {
    const directory = join(temporaryDirectory(), 'log');
    const hour = 3_600_000;
    const clock = new FakeClock(START);
    const log = await openLog(directory, { clock, rotation: { maxBytes: 1_000_000 } });
    await log.append([{ ...event(1), timestamp: new Date(clock.now()) }]);
    await clock.advance(9 * hour);
    await log.append([{ ...event(2), timestamp: new Date(clock.now()) }]);
    await log.close();
    const earlier = new FakeClock(START - 24 * hour);
    const again = await openLog(directory, { clock: earlier });
    await again.rotate();
    await again.append([{ ...event(3), timestamp: new Date(earlier.now()) }]);
    await again.close();
    expect(await sequences({ since: new Date(START + 8 * hour) }, directory)).toEqual([2]);
    expect(await sequences({ until: new Date(START) }, directory)).toEqual([3]);
  });

  test('over several logs goes by time, and so does its limit; what has no time stays behind what was before it', async () => {
    const folder = temporaryDirectory();
    const [one, two] = [await openLog(join(folder, 'one')), await openLog(join(folder, 'two'))];
    await one.append([event(0), event(3), event(4)]);
    await two.append([event(1), { sequence: 'without a time' }, event(2), event(5)]);
    await Promise.all([one.close(), two.close()]);
    expect(await sequences({}, folder)).toEqual([0, 1, 'without a time', 2, 3, 4, 5]);
    expect(await sequences({ limit: 2 }, folder)).toEqual([0, 1]);
    expect(await sequences({ since: new Date(START + 4000) }, folder)).toEqual([4, 5]);
  });

  test('regression: a segment that is compressed between listing and reading is read all the same', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'));
    await log.append([event(0)]);
    await log.rotate();
    await log.append([event(1)]);
    await log.close();
    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      list: async (directory) => {
        const names = await nodeFileSystem.list(directory);
        const path = join(directory, 'audit-00000001.jsonl');
        if (existsSync(path)) {
          writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)));
          rmSync(path);
        }
        return names;
      },
    };
    const found: unknown[] = [];
    for await (const { event: each } of queryLog(log.directory, { fileSystem })) found.push(each['sequence']);
    expect(found).toEqual([0, 1]);
  });
});
