import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { openLog, publicKey, segmentsIn, temporaryDirectory } from './support/logs.js';
import { SimulatedDisk, type DiskFault, type DiskStep } from './support/simulated-disk.js';
import { SimulatedLog } from './support/simulated-log.js';

describe('close()', () => {
  test('does not wait for maintenance that waits for a full disk', async () => {
    let full = false;
    const fault = ({ kind, path }: DiskStep): DiskFault | undefined => (full && kind === 'write' && path.endsWith('.jsonl') ? 'full' : undefined);
    const log = new SimulatedLog(new SimulatedDisk(fault), { compress: true });
    await log.open();
    await log.drive(log.append(3));
    await log.drive(log.writer.rotate());
    // Compression goes as far as its record.
    full = true;
    while (log.writer.state.kind !== 'failing') await log.clock.advance(0);
    await expect(log.drive(log.writer.close())).rejects.toThrow(/^log_write_failed/);
    full = false;
    log.disk = log.disk.restart('kill');
    await log.open();
    await log.drive(log.writer.close());
    await log.check();
  });

  test('says in the log that it was closed, however much waits', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'), { maxPendingBytes: 950 });
    const appended = Promise.allSettled(Array.from({ length: 10 }, () => log.append([{ text: 'x'.repeat(300) }])));
    await log.close();
    await appended;
    expect((await verifyAuditLog(log.directory, { publicKey })).logs[0]).toMatchObject({ status: 'authentic', clean: true });
  });

  test('ends the compression of a large segment, which is done another time', async () => {
    const directory = join(temporaryDirectory(), 'log');
    const log = await openLog(directory, { compress: true });
    for (let batch = 0; batch < 8; batch++) await log.append(Array.from({ length: 4 }, () => ({ text: 'x'.repeat(1024 * 1024) })));
    await log.rotate();
    while (!segmentsIn(directory).some((name) => name.endsWith('.tmp'))) await new Promise((resolve) => setImmediate(resolve));
    await log.close();
    expect(segmentsIn(directory)).toEqual(['audit-00000001.jsonl', 'audit-00000002.jsonl']);
    expect((await verifyAuditLog(directory, { publicKey })).logs[0]).toMatchObject({ status: 'authentic', clean: true });
  });
});

describe('rotation by size', () => {
  test('holds with many callers at once', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'), { rotation: { maxBytes: 8192 } });
    await Promise.all(Array.from({ length: 500 }, (_, sequence) => log.append([{ sequence, text: 'x'.repeat(200) }])));
    await log.close();
    const sizes = segmentsIn(log.directory).map((name) => readFileSync(join(log.directory, name)).length);
    expect(sizes.length).toBeGreaterThan(15);
    // But for a checkpoint, and the last record.
    for (const size of sizes) expect(size).toBeLessThan(8192 + 700);
  });

  test('a batch is not taken apart', async () => {
    const log = await openLog(join(temporaryDirectory(), 'log'), { rotation: { maxBytes: 8192 } });
    await log.append([{ sequence: 0 }]);
    const { first } = await log.append(Array.from({ length: 100 }, (_, sequence) => ({ sequence, text: 'x'.repeat(200) })));
    await log.append([{ sequence: 2 }]);
    await log.close();
    const lines = segmentsIn(log.directory).map((name) => readFileSync(join(log.directory, name), 'utf8').split('\n').filter((line) => line.includes('"text"')).length);
    expect([first, lines]).toEqual([4, [0, 100, 0]]);
  });
});

test('nothing that waits is free: empty batches are bounded too', async () => {
  const log = await openLog(join(temporaryDirectory(), 'log'), { maxPendingBytes: 800 });
  const appended = await Promise.allSettled(Array.from({ length: 100 }, () => log.append([])));
  expect(appended.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  await log.close();
});
