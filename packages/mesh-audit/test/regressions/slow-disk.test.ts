import { expect, test } from '@jest/globals';
import type { LogFile } from '@lemur-bookstores/mesh-log';
import { SimulatedDisk } from '../../../mesh-log/test/support/simulated-disk.js';
import { lane, SpillBed } from '../spill/spilling.js';
import { message, never, RecordingAdapter, turns } from '../support.js';

/** Takes its time to sync, in turns of the event loop. */
class SlowlySyncing extends SimulatedDisk {
  override async create(path: string): Promise<LogFile> {
    const file = await super.create(path);
    return { ...file, syncData: async () => (await turns(25), file.syncData()) };
  }
}

test('a disk that syncs slowly keeps up with many events: as many as came meanwhile are written at a time, none is dropped', async () => {
  const bed = new SpillBed(new SlowlySyncing());
  const audit = bed.audit([new RecordingAdapter('hanging', never)]);
  for (let turn = 0; turn < 400; turn++) {
    for (let index = 0; index < 100; index++) audit.record(message());
    await turns(1);
  }
  await turns(100);
  expect(lane(audit)).toMatchObject({ emitted: 40_000, dropped: 0 });
  expect(lane(audit).spilled).toBeGreaterThan(30_000);
  await bed.close(audit);
});
