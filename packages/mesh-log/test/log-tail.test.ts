import { describe, expect, test } from '@jest/globals';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { SimulatedDisk, type DiskFault, type DiskStep } from './support/simulated-disk.js';
import { DIRECTORY, ORIGIN, SimulatedLog } from './support/simulated-log.js';

/** What the disk does at each step. */
let due: ((step: DiskStep) => DiskFault | undefined) | undefined;

async function opened(options: ConstructorParameters<typeof SimulatedLog>[1] = {}): Promise<SimulatedLog> {
  due = undefined;
  const log = new SimulatedLog(new SimulatedDisk((step) => due?.(step)), options);
  await log.open();
  return log;
}

const segments = ({ disk }: SimulatedLog): string[] => disk.paths.map((path) => path.slice(DIRECTORY.length + 1));

describe('a change of key whose checkpoint the disk does not take', () => {
  const changed = async (): Promise<SimulatedLog> => {
    const log = await opened();
    await log.drive(log.append(2));
    let syncs = 0;
    due = ({ kind }) => (kind === 'sync' && ++syncs === 2 ? 'fail' : undefined);
    await log.drive(log.writer.rotateKey(log.nextKey));
    await log.drive(log.append(1));
    expect(segments(log)).toEqual(['audit-00000001.jsonl', 'audit-00000002.jsonl']);
    return log;
  };

  test('is completed in the next segment: both keys have signed', async () => {
    const log = await changed();
    expect(log.writer.publicKey).toBe(log.nextKey.verifierKey(ORIGIN));
    const signers = log.checkpoints.map((note) => note.split('\n— ').length - 1);
    expect(signers.filter((count) => count === 2)).toHaveLength(1);
    await log.drive(log.writer.close());
    await log.check();
    for (const publicKey of [log.publicKey, log.nextKey.verifierKey(ORIGIN)]) {
      expect((await verifyAuditLog(DIRECTORY, { publicKey, fileSystem: log.disk })).logs[0]).toMatchObject({ status: 'authentic', notAuthenticated: [] });
    }
  });

  test('leaves a log that can be opened, and verified without its beginning', async () => {
    const log = await changed();
    await log.drive(log.writer.close());
    log.disk = log.disk.restart('kill');
    await log.open({ key: log.nextKey });
    await log.drive(log.writer.close());
    log.disk.replace(`${DIRECTORY}/audit-00000001.jsonl`, undefined);
    const { logs } = await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, fileSystem: log.disk });
    expect(logs[0]?.problem?.text).toContain('are missing');
  });
});
