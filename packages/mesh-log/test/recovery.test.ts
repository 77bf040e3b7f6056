import { describe, expect, test } from '@jest/globals';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import type { LogVerification } from '../src/verification.js';
import { SimulatedDisk } from './support/simulated-disk.js';
import { DIRECTORY, SimulatedLog } from './support/simulated-log.js';

const FIRST = `${DIRECTORY}/audit-00000001.jsonl`;
const SECOND = `${DIRECTORY}/audit-00000002.jsonl`;
const BLOCK = 512;

/** A log whose process is gone: long records, a checkpoint over the first of them, some behind it. */
async function crashed(): Promise<SimulatedLog> {
  const log = new SimulatedLog(new SimulatedDisk());
  await log.open();
  await log.drive(log.append(4, 700));
  await log.drive(log.writer.checkpoint());
  await log.drive(log.append(6, 700));
  log.disk.crash();
  log.disk = log.disk.restart('kill');
  return log;
}

const verified = async (log: SimulatedLog): Promise<LogVerification> =>
  (await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, checkpoint: log.checkpoints, fileSystem: log.disk })).logs[0] as LogVerification;

/** Zeros in the place of whole blocks, the first of which is the one with the byte at `offset`, or the next. */
function tear(log: SimulatedLog, offset: number, blocks = 1, path = FIRST): Buffer {
  const bytes = log.disk.contents(path);
  const start = Math.ceil(offset / BLOCK) * BLOCK;
  bytes.fill(0, start, Math.min(start + blocks * BLOCK, bytes.length - 1));
  log.disk.replace(path, bytes);
  return bytes;
}

const lastCheckpoint = (bytes: Buffer): number => bytes.lastIndexOf('{"checkpoint"');

describe('blocks that a loss of power left empty', () => {
  test('behind the last checkpoint: they are left as they are, and the log goes on in a new segment and says so', async () => {
    const log = await crashed();
    const torn = tear(log, lastCheckpoint(log.disk.contents(FIRST)) + 1500);
    const before = await verified(log);
    expect(before).toMatchObject({ status: 'authentic', clean: false, notAuthenticated: [{ from: 6, to: 8, why: 'tail' }] });
    await log.open();
    const { first } = await log.drive(log.writer.append([{ sequence: 'new' }]));
    expect(first).toBe(10);
    await log.drive(log.writer.close());
    expect(log.disk.contents(FIRST)).toEqual(torn);
    const header = log.disk.contents(SECOND).toString();
    const bytes = torn.length - (before.unfinishedBytes as number);
    expect(header).toContain(`"abandoned":[{"segment":1,"bytes":${bytes}}]`);
    expect(header).toContain(`"recovered":{"from":6,"to":8,"cutBytes":${before.unfinishedBytes}}`);
    expect(await verified(log)).toMatchObject({ status: 'authentic', clean: true, notAuthenticated: [{ from: 6, to: 8, why: 'recovered' }] });
    expect((await verified(log)).unfinishedBytes).toBeUndefined();
    expect([...(await log.read()).keys()]).toEqual([2, 3, 4, 5, 6, 7, 10]);
  });

  test('several, and a line that was never finished behind them', async () => {
    const log = await crashed();
    tear(log, lastCheckpoint(log.disk.contents(FIRST)) + 800, 2);
    log.disk.replace(FIRST, log.disk.contents(FIRST).subarray(0, -30));
    await log.open();
    await log.drive(log.writer.close());
    expect(await verified(log)).toMatchObject({ status: 'authentic', clean: true });
  });

  test.each<[string, (log: SimulatedLog) => void]>([
    ['before the last checkpoint', (log) => tear(log, lastCheckpoint(log.disk.contents(FIRST)) - 1500)],
    ['in the last checkpoint, where an earlier one is left', (log) => log.disk.replace(FIRST, zeroed(log.disk.contents(FIRST), lastCheckpoint(log.disk.contents(FIRST)) + 20, 30))],
    ['that are none: half of one', (log) => log.disk.replace(FIRST, zeroed(log.disk.contents(FIRST), lastCheckpoint(log.disk.contents(FIRST)) + 1500, 100))],
    ['in a record, which is chained anew', (log) => log.disk.replace(FIRST, zeroed(log.disk.contents(FIRST), log.disk.contents(FIRST).length - 60, 1))],
  ])('%s: that is tampering', async (_where, tamper) => {
    const log = await crashed();
    tamper(log);
    const before = log.disk.contents(FIRST);
    expect((await verified(log)).status).toBe('tampered');
    await expect(log.open()).rejects.toThrow(/^log_tampered/);
    expect(log.disk.contents(FIRST)).toEqual(before);
  });

  test('in a closed segment: that is tampering', async () => {
    const log = await crashed();
    await log.open();
    await log.drive(log.writer.rotate());
    await log.drive(log.writer.close());
    tear(log, 6000);
    expect(await verified(log)).toMatchObject({ status: 'tampered', problem: { segment: 'audit-00000001.jsonl' } });
  });
});

describe('a segment that never got to its first record', () => {
  /** What a loss of power may leave of its creation. */
  const stillborn = async (change: (beginning: Buffer) => Buffer): Promise<SimulatedLog> => {
    const log = await crashed();
    await log.open();
    await log.drive(log.writer.rotate());
    log.disk.crash();
    log.disk = log.disk.restart('kill');
    const bytes = log.disk.contents(SECOND);
    const third = bytes.indexOf('\n', bytes.indexOf('\n', bytes.indexOf('\n') + 1) + 1) + 1;
    expect(bytes.length).toBe(third);
    log.disk.replace(SECOND, change(bytes));
    return log;
  };

  test.each<[string, (beginning: Buffer) => Buffer]>([
    ['nothing', () => Buffer.alloc(0)],
    ['zeros', (beginning) => Buffer.alloc(beginning.length)],
    ['half of it', (beginning) => beginning.subarray(0, beginning.length / 2)],
    ['all but the newline', (beginning) => beginning.subarray(0, -1)],
    ['its second block', (beginning) => zeroed(beginning, 0, BLOCK)],
    ['its first block', (beginning) => zeroed(beginning, BLOCK, beginning.length)],
  ])('%s: it is removed, and the log goes on where it was', async (_what, change) => {
    const log = await stillborn(change);
    await log.open();
    await log.drive(log.append(1));
    await log.drive(log.writer.close());
    await log.check();
  });

  test('is not what has more than that in it', async () => {
    const log = await stillborn((beginning) => Buffer.concat([zeroed(beginning, 0, BLOCK), Buffer.from('{"n":15}\n')]));
    await expect(log.open()).rejects.toThrow(/^log_tampered/);
    expect((await verified(log)).status).toBe('tampered');
  });
});

function zeroed(bytes: Buffer, start: number, length: number): Buffer {
  const changed = Buffer.from(bytes);
  return changed.fill(0, start, Math.min(start + length, changed.length));
}

test('a log goes on however its older segments look: that is for the verifier to say', async () => {
  const log = await crashed();
  await log.open();
  await log.drive(log.writer.rotate());
  await log.drive(log.writer.close());
  log.disk.replace(FIRST, Buffer.from('nonsense\nnonsense\nnonsense\n'));
  await log.open();
  await log.drive(log.append(1));
  await log.drive(log.writer.close());
  expect((await verified(log)).status).toBe('tampered');
});
