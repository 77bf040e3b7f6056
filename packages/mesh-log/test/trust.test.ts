import { describe, expect, test } from '@jest/globals';
import { formatCheckpoint } from '../src/checkpoint.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { SimulatedDisk } from './support/simulated-disk.js';
import { DIRECTORY, ORIGIN, SimulatedLog } from './support/simulated-log.js';

describe('kept checkpoints', () => {
  test('may be as many as a log gave in two days', async () => {
    const log = new SimulatedLog(new SimulatedDisk());
    await log.open();
    await log.drive(log.append(3));
    log.disk.crash();
    log.disk = log.disk.restart('kill');
    await log.open();
    await log.drive(log.append(3));
    await log.drive(log.writer.close());
    const signature = (log.checkpoints[0] as string).split('\n\n')[1] as string;
    // Of later records: nobody who sees them can miss that the end is gone.
    const later = Array.from({ length: 150_000 }, (_, index) => `${formatCheckpoint({ origin: ORIGIN, size: 1000 + index, root: Buffer.alloc(32) })}\n${signature}`);
    const { logs } = await verifyAuditLog(DIRECTORY, { checkpoint: [...log.checkpoints, ...later], fileSystem: log.disk });
    expect(logs[0]).toMatchObject({ status: 'tampered', problem: { record: 11, text: expect.stringContaining('cut off') } });
  });

  test('of the same size are all looked at', async () => {
    const log = new SimulatedLog(new SimulatedDisk());
    await log.open();
    await log.drive(log.append(3));
    await log.drive(log.writer.close());
    const good = log.checkpoints.at(-1) as string;
    const other = good.replace(/\n[^\n]+=\n/, `\n${Buffer.alloc(32).toString('base64')}\n`);
    for (const checkpoint of [[good, other], [other, good]]) {
      const { logs } = await verifyAuditLog(DIRECTORY, { checkpoint, fileSystem: log.disk });
      expect(logs[0]).toMatchObject({ status: 'tampered', problem: { text: expect.stringContaining('was signed for other ones') } });
    }
    expect((await verifyAuditLog(DIRECTORY, { checkpoint: [good, good], fileSystem: log.disk })).status).toBe('authentic');
  });
});
