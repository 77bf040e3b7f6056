import { expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@lemur-bookstores/mesh-interface';
import { ClockWatch } from '../src/clock-watch.js';
import { SimulatedDisk } from './support/simulated-disk.js';
import { DIRECTORY, SimulatedLog } from './support/simulated-log.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START = Date.UTC(2026, 0, 1, 12);

test('a clock that goes on as the monotonic one does is steady', async () => {
  const clock = new FakeClock(START);
  const watch = new ClockWatch(clock, { lastSeen: START - DAY_MS, steadySince: START - 2 * DAY_MS });
  for (let hour = 0; hour < 50; hour++) {
    expect(watch.isSteady()).toBe(true);
    await clock.advance(HOUR_MS);
    clock.jump(60_000);
  }
});

test.each([
  ['forward', 2 * HOUR_MS],
  ['back', -2 * HOUR_MS],
])('one that was set %s is not, for a day', async (_way, step) => {
  const clock = new FakeClock(START);
  const watch = new ClockWatch(clock, undefined);
  expect(watch.isSteady()).toBe(true);
  clock.jump(step);
  for (let hour = 0; hour < 24; hour++) {
    expect([hour, watch.isSteady()]).toEqual([hour, false]);
    await clock.advance(HOUR_MS);
  }
  expect(watch.isSteady()).toBe(true);
});

test.each([
  ['follows', { lastSeen: START - 30 * DAY_MS, steadySince: START - 40 * DAY_MS }, 0],
  ['is steady from its beginning', { lastSeen: START - 1, steadySince: Number.NEGATIVE_INFINITY }, 0],
  ['is far ahead', { lastSeen: START - 36 * DAY_MS, steadySince: START - 40 * DAY_MS }, 24],
  ['is behind', { lastSeen: START + 2 * HOUR_MS, steadySince: START - DAY_MS }, 24],
  ['was set ten hours ago, by the process before', { lastSeen: START - 5 * HOUR_MS, steadySince: START - 10 * HOUR_MS }, 14],
])('a start at a time that %s', async (_how, times, hours) => {
  const clock = new FakeClock(START);
  const watch = new ClockWatch(clock, times);
  for (let hour = 0; hour < hours; hour++) {
    expect([hour, watch.isSteady()]).toEqual([hour, false]);
    await clock.advance(HOUR_MS);
  }
  expect(watch.isSteady()).toBe(true);
});

/** Days, one segment each. */
async function daysOf(log: SimulatedLog, days: number): Promise<void> {
  for (let day = 0; day < days; day++) {
    await log.drive(log.append(1));
    await log.clock.advance(DAY_MS);
  }
}
const firstOf = ({ disk }: SimulatedLog): string | undefined => disk.paths[0]?.slice(DIRECTORY.length + 1);
const reopen = async (log: SimulatedLog): Promise<void> => {
  await log.drive(log.writer.close());
  log.disk = log.disk.restart('kill');
  await log.open();
};

test('a clock set wrong by years deletes nothing while it is in doubt, restarts or not, and nothing once it is right again', async () => {
  const said: string[] = [];
  const log = new SimulatedLog(new SimulatedDisk(), { retentionDays: 30, logger: { ...silentLogger, warn: (message) => said.push(message) } });
  await log.open();
  await daysOf(log, 5);
  log.clock.jump(20 * 365 * DAY_MS);
  for (let restart = 0; restart < 3; restart++) {
    await log.drive(log.append(1));
    await log.clock.advance(5 * HOUR_MS);
    await reopen(log);
  }
  expect(firstOf(log)).toBe('audit-00000001.jsonl');
  expect(said.length).toBeGreaterThan(0);
  expect(said[0]).toContain('the clock');
  log.clock.jump(-20 * 365 * DAY_MS);
  await reopen(log);
  await daysOf(log, 20);
  expect(firstOf(log)).toBe('audit-00000001.jsonl');
  // And retention goes on, over the segments that the wrong clock began.
  await daysOf(log, 40);
  expect(firstOf(log)).toMatch(/audit-000000[3-4]\d/);
  await log.check();
});

test('a clock that starts in 1970 makes nothing old', async () => {
  const log = new SimulatedLog(new SimulatedDisk(), { retentionDays: 30 });
  await log.open();
  await daysOf(log, 5);
  const now = log.clock.now();
  log.clock.jump(-now);
  await reopen(log);
  await log.drive(log.append(1));
  await log.drive(log.writer.rotate());
  log.clock.jump(now);
  await reopen(log);
  await daysOf(log, 5);
  expect(firstOf(log)).toBe('audit-00000001.jsonl');
  await daysOf(log, 40);
  expect(firstOf(log)).not.toBe('audit-00000001.jsonl');
  await log.check();
});

test('a clock that is right after all is believed after a day', async () => {
  const log = new SimulatedLog(new SimulatedDisk(), { retentionDays: 30 });
  await log.open();
  await daysOf(log, 5);
  await log.drive(log.writer.close());
  log.clock.jump(100 * DAY_MS);
  log.disk = log.disk.restart('kill');
  await log.open();
  await log.drive(log.append(1));
  await log.clock.advance(23 * HOUR_MS);
  expect(firstOf(log)).toBe('audit-00000001.jsonl');
  await log.clock.advance(2 * HOUR_MS);
  await log.clock.advance(0);
  expect(firstOf(log)).not.toBe('audit-00000001.jsonl');
});
