import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { nodeFileSystem, type FileSystem, type LogFile } from '@lemur-bookstores/mesh-log';
import { SimulatedDisk } from '../../../mesh-log/test/support/simulated-disk.js';
import { DIRECTORY, lane, SpillBed, temporaryFolder } from '../spill/spilling.js';
import { RecordingAdapter, security } from '../support.js';

const down = (): Promise<void> => Promise.reject(new Error('down'));
const actions = ({ events }: RecordingAdapter): string[] => events.map(({ details }) => details.action);

test('an adapter whose name looks like the second instance of another one keeps its events', async () => {
  const bed = new SpillBed();
  const audit = bed.audit([new RecordingAdapter('sink', down), new RecordingAdapter('sink-2', down)]);
  audit.record(security());
  await bed.until('both spilled', () => lane(audit).spilled + lane(audit, 1).spilled === 2);
  bed.kill();

  const alone = new RecordingAdapter('sink');
  const without = bed.audit([alone]);
  without.record(security('own'));
  await bed.until('all is delivered', () => lane(without).delivered === 2);
  expect(actions(alone)).toEqual(['auth.failed', 'own']);
  await bed.close(without);

  const back = new RecordingAdapter('sink-2');
  const again = bed.audit([back]);
  again.record(security('late'));
  await bed.until('all is delivered', () => lane(again).delivered === 2);
  expect(actions(back)).toEqual(['auth.failed', 'late']);
  await bed.close(again);
});

test('the folder of another instance that cannot be taken over keeps nobody from a spill, and is said', async () => {
  const bed = new SpillBed();
  for (const instance of [2, 3]) {
    await bed.disk.makeDirectory(`${DIRECTORY}/sink~${instance}`);
    const file = await bed.disk.create(`${DIRECTORY}/sink~${instance}/spill-0000000001.jsonl`);
    await file.close();
  }
  const claimLock = (directory: string): ReturnType<typeof bed.claims.claim> => (directory.endsWith('~2') ? Promise.reject(new Error('EACCES')) : bed.claims.claim(directory));
  const audit = bed.audit([new RecordingAdapter('sink', down)], {}, { claimLock });
  await audit.log(security());
  expect(lane(audit).spilled).toBe(1);
  expect(bed.said).toContain("audit adapter sink: what an earlier process left in '/spill/sink~2' stays there");
  expect(bed.disk.paths).toContain('/spill/sink~2/spill-0000000001.jsonl');
  expect(bed.disk.paths).not.toContain('/spill/sink~3/spill-0000000001.jsonl');
  await bed.close(audit);
});

test('a spill that cannot be opened leaves no file open', async () => {
  let [made, open] = [0, 0];
  class Unlistable extends SimulatedDisk {
    override async create(path: string): Promise<LogFile> {
      const file = await super.create(path);
      made++;
      open++;
      return { ...file, close: () => (open--, file.close()) };
    }
    override list(): Promise<string[]> {
      return Promise.reject(new Error('EIO'));
    }
  }
  const bed = new SpillBed(new Unlistable());
  const audit = bed.audit([new RecordingAdapter('sink', down)]);
  audit.record(security());
  await bed.until('it is said', () => bed.said.includes('audit adapter sink has no spill now: events wait in memory'));
  expect([made, open]).toEqual([1, 0]);
  await bed.close(audit);
});

test('what is acknowledged from the spill outlives a loss of power: the names of its folders are synced before', async () => {
  const folder = temporaryFolder();
  const bed = new SpillBed();
  const synced: string[] = [];
  const fileSystem: FileSystem = {
    ...nodeFileSystem,
    syncDirectory: async (directory) => {
      await nodeFileSystem.syncDirectory(directory);
      synced.push(directory);
    },
  };
  try {
    const directory = join(folder.path, 'made', 'here');
    const audit = bed.audit([new RecordingAdapter('sink', down)], {}, { directory, fileSystem });
    await audit.log(security());
    expect(readdirSync(directory)).toEqual(['sink']);
    for (let above = join(directory, 'sink'); above !== dirname(folder.path); above = dirname(above)) expect(synced).toContain(above);
    await bed.close(audit);
  } finally {
    folder.remove();
  }
});
