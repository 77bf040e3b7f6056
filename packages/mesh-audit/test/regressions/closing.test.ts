import { expect, test } from '@jest/globals';
import { AuditLogger } from '../../src/audit-logger.js';
import { imbalance, lane, SpillBed } from '../spill/spilling.js';
import { message, never, RecordingAdapter } from '../support.js';

test('the record of a gap that lasts to the end is counted among those lost', async () => {
  const bed = new SpillBed();
  const audit = new AuditLogger({ adapters: [new RecordingAdapter('hanging', never)], clock: bed.clock, logger: bed.logger, laneEvents: 5, flushMs: 100, deliveryTimeoutMs: 100 });
  for (let index = 0; index < 10; index++) audit.record(message());
  await bed.close(audit);
  expect(lane(audit)).toMatchObject({ emitted: 10, dropped: 10, queued: 0, lostGaps: 1 });
});

test('a lane with hundreds of thousands of events and no spill after all is closed like any other', async () => {
  const bed = new SpillBed();
  const noDisk = (): Promise<never> => Promise.reject(new Error('EACCES'));
  const audit = bed.audit([new RecordingAdapter('hanging', never)], { laneEvents: 200_000, laneBytes: 2 ** 32 }, { claimLock: noDisk });
  for (let index = 0; index < 150_000; index++) audit.record(message());
  await bed.close(audit);
  expect(lane(audit)).toMatchObject({ emitted: 150_000, dropped: 150_000, queued: 0 });
  expect(imbalance(lane(audit))).toBe(0);
});
