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

describe("a sync that fails with sync: 'none'", () => {
  test('takes nothing that was acknowledged: it stands in the next segment', async () => {
    const log = await opened({ sync: 'none' });
    await log.drive(log.append(1));
    await log.drive(log.writer.checkpoint());
    await log.drive(log.append(2));
    await log.drive(log.append(2));
    let failed = false;
    due = ({ kind }) => (kind === 'sync' && !failed ? ((failed = true), 'fail') : undefined);
    await log.drive(log.writer.checkpoint());
    expect(segments(log)).toEqual(['audit-00000001.jsonl', 'audit-00000002.jsonl']);
    log.disk.crash();
    log.disk = log.disk.restart(() => 0);
    await log.open();
    await log.drive(log.writer.close());
    const found = await log.read();
    for (const event of log.acknowledged.values()) expect([...found.values()].filter((each) => each === event)).toEqual([event]);
    expect((await verifyAuditLog(DIRECTORY, { publicKey: log.publicKey, checkpoint: log.checkpoints, fileSystem: log.disk })).logs[0]).toMatchObject({ status: 'authentic' });
  });

  test('is bounded in what it has to write again: after 4 MiB a commit is synced', async () => {
    let syncs = 0;
    const log = await opened({ sync: 'none' });
    due = ({ kind }) => void (syncs += kind === 'sync' ? 1 : 0);
    for (let batch = 0; batch < 9; batch++) await log.drive(log.append(1, 1024 * 1024));
    expect(syncs).toBe(2);
  });
});

test.each<[string, DiskFault, number]>([
  ['for want of room: the file is cut back and written on', 'full', 1],
  ['otherwise: the file is given up, and its batch goes to a new one', 'fail', 2],
])('a write that fails %s', async (_how, fault, files) => {
  const log = await opened();
  await log.drive(log.append(1));
  let writes = 0;
  due = ({ kind }) => (kind === 'write' && ++writes === 1 ? fault : undefined);
  await log.drive(log.append(2));
  expect(segments(log)).toHaveLength(files);
  // What was given up is said once.
  await log.drive(log.writer.rotate());
  const abandoned = log.disk.paths.map((path) => (JSON.parse(log.disk.contents(path).toString().split('\n')[0] as string) as { abandoned: { segment: number }[] }).abandoned.map(({ segment }) => segment));
  expect(abandoned).toEqual(fault === 'fail' ? [[], [1], []] : [[], []]);
  await log.drive(log.writer.close());
  await log.check();
});

test('a segment that was tried and may be on the disk is begun before anything else is written', async () => {
  const log = await opened({ rotation: { maxBytes: 8192 } });
  await log.drive(log.append(10));
  // The names of the folder cannot be synced, and that of the new file is there after all when the power is gone.
  due = ({ kind }) => (kind === 'syncDirectory' ? 'fail' : undefined);
  const abort = new AbortController();
  const large = log.writer.append([{ text: 'x'.repeat(8000) }], { signal: abort.signal });
  large.catch(() => undefined);
  await log.clock.advance(200);
  abort.abort();
  const small = log.append(1);
  await log.clock.advance(200);
  due = undefined;
  await log.drive(small);
  log.disk.crash();
  let names = 0;
  // The first change of a name is kept, the second, which takes it back, is not.
  log.disk = log.disk.restart(() => (names++ % 2 === 0 ? 1 : 0));
  await log.open();
  await log.check();
});
