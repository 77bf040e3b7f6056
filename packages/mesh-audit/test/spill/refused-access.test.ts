// A wrong key or address is no event's fault: what has room on disk waits until it is mended.
import { expect, test } from '@jest/globals';
import { MeshError, type ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import { never, security } from '../support.js';
import { imbalance, lane, SpillBed } from './spilling.js';

test.each(['sink_unauthenticated', 'sink_not_found'] as const)('%s: nothing is given up, tries become rare, and all is delivered once it is over', async (reason) => {
  const bed = new SpillBed();
  const taken: number[] = [];
  let tries = 0;
  let mended = false;
  const sink: ManagedAdapter = {
    name: 'sink',
    logEvent: never,
    logEvents: (events) => {
      tries++;
      if (!mended) return Promise.reject(new MeshError(reason, 'not like this', { retryable: false }));
      taken.push(...events.map(({ sequence }) => sequence));
      return Promise.resolve();
    },
  };
  const audit = bed.audit([sink], { batch: 10 });
  for (let event = 0; event < 50; event++) audit.record(security(`${event}`));
  await bed.until('they are on disk', () => lane(audit).spilled + lane(audit).queued === 50);
  for (let minute = 0; minute < 60; minute++) await bed.clock.advance(60_000);
  // 100 ms, doubled up to 30 s, 20 % more or less.
  expect(tries).toBeGreaterThan(60);
  expect(tries).toBeLessThan(170);
  expect(lane(audit)).toMatchObject({ deadLettered: 0, dropped: 0, delivered: 0, failing: true });
  mended = true;
  await bed.until('all is delivered', () => lane(audit).delivered === 50, 1_000);
  expect(taken).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  expect([imbalance(lane(audit)), lane(audit).failing]).toEqual([0, false]);
  await bed.close(audit);
});

test('permission_denied may be about one event, which does not hold up the others', async () => {
  const bed = new SpillBed();
  const taken: number[] = [];
  const sink: ManagedAdapter = {
    name: 'sink',
    logEvent: never,
    logEvents: (events) => {
      if (events.some(({ sequence }) => sequence === 7)) return Promise.reject(new MeshError('permission_denied', 'not this one', { retryable: false }));
      taken.push(...events.map(({ sequence }) => sequence));
      return Promise.resolve();
    },
  };
  const audit = bed.audit([sink], { batch: 10 });
  for (let event = 0; event < 20; event++) audit.record(security(`${event}`));
  await bed.until('all but one are delivered', () => lane(audit).delivered === 19);
  expect([taken.length, lane(audit).deadLettered, imbalance(lane(audit))]).toEqual([19, 1, 0]);
  await bed.close(audit);
});
