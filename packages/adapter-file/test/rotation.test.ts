import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { verifyAuditLog } from '@lemur-bookstores/mesh-log';
import type { FileAdapter } from '../src/file-adapter.js';
import type { FileAdapterOptions } from '../src/file-adapter-options.js';
import { allOf, contextOf, eventOf, fileAdapter, segmentsIn, temporaryDirectory, until } from './support/support.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOON = Date.UTC(2026, 4, 10, 12);

/** An adapter in the hands of a mesh whose clock stands still. */
async function started(options: FileAdapterOptions, startMs = NOON): Promise<{ adapter: FileAdapter; clock: FakeClock; log(count?: number): Promise<void>; segments(): number }> {
  const clock = new FakeClock(startMs);
  const adapter = fileAdapter(temporaryDirectory(), options);
  await adapter.start(contextOf({ clock }));
  const log = async (count = 1): Promise<void> => {
    const logged = Promise.all(Array.from({ length: count }, () => adapter.logEvent(eventOf({ timestamp: new Date(clock.now()) }))));
    let done = false;
    logged.then(() => (done = true), () => (done = true));
    await until('the events are logged', () => done, clock);
    await logged;
  };
  return { adapter, clock, log, segments: () => segmentsIn(adapter.directory).filter((name) => !name.endsWith('.tmp')).length };
}

const verified = async (adapter: FileAdapter): Promise<unknown> => {
  const { status, logs } = await verifyAuditLog(adapter.directory as string, { publicKey: adapter.publicKey as string });
  return [status, logs[0]?.problem];
};

describe('the next segment begins', () => {
  test('at UTC midnight, by itself, once for days without events', async () => {
    const { adapter, clock, log, segments } = await started({ timezone: 'utc' });
    await log();
    await clock.advance(12 * HOUR_MS - 1);
    expect(segments()).toBe(1);
    await clock.advance(1);
    await until('midnight has passed', () => segments() === 2, clock);
    await clock.advance(3 * DAY_MS);
    expect(segments()).toBe(2);
    await log();
    await until('the day of the last segment is over', () => segments() === 3, clock);
    await adapter.close();
    expect(await verified(adapter)).toEqual(['authentic', undefined]);
  });

  test('at full hours', async () => {
    const { adapter, clock, log, segments } = await started({ rotation: 'hourly', timezone: 'utc' }, NOON + HOUR_MS / 2);
    for (let hour = 1; hour <= 4; hour++) {
      await log();
      expect(segments()).toBe(hour);
      await clock.advance(hour === 1 ? HOUR_MS / 2 : HOUR_MS);
      await until(`hour ${hour} is over`, () => segments() === hour + 1, clock);
    }
    await adapter.close();
    expect(await verified(adapter)).toEqual(['authentic', undefined]);
  });

  test('before one exceeds its size', async () => {
    const { adapter, log, segments } = await started({ rotation: { maxBytes: 8192 } });
    for (let batch = 0; batch < 20; batch++) await log(5);
    expect(segments()).toBeGreaterThan(3);
    await adapter.close();
    expect(await allOf(adapter.query())).toHaveLength(100);
    expect(await verified(adapter)).toEqual(['authentic', undefined]);
  });

  test('when an adapter is started on a later day', async () => {
    const directory = temporaryDirectory();
    for (const day of [0, 1, 2]) {
      const adapter = fileAdapter(directory, { timezone: 'utc', clock: new FakeClock(NOON + day * DAY_MS) });
      await adapter.logEvent(eventOf());
      await adapter.close();
    }
    expect(segmentsIn(join(directory, 'order-service'))).toHaveLength(3);
  });
});

// Node reads TZ from its real environment, which Jest shields.
test.each([
  ['Asia/Tokyo', '2026-05-10T14:59:59.000Z'],
  ['America/New_York', '2026-05-11T03:59:59.000Z'],
])('the midnight is that of %s by default', async (zone, lastSecond) => {
  const script = fileURLToPath(new URL('children/local-midnight.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, temporaryDirectory(), lastSecond], { env: { ...process.env, NODE_OPTIONS: '', TZ: zone } });
  expect(JSON.parse(stdout)).toEqual({ before: 1, after: 2 });
});

describe('old segments', () => {
  test('are deleted whole after 90 days; the log says so and verifies, what is younger stays', async () => {
    const { adapter, clock, log, segments } = await started({ retention: 90, timezone: 'utc' });
    for (let day = 0; day < 100; day++) {
      await log();
      const next = segments() + 1;
      await clock.advance(day === 0 ? 12 * HOUR_MS : DAY_MS);
      await until(`day ${day} is over`, () => segments() >= Math.min(next, 91), clock);
    }
    await clock.advance(HOUR_MS);
    await until('the first days are retired', () => segmentsIn(adapter.directory)[0] === 'audit-00000011.jsonl', clock);
    const events = await allOf(adapter.query());
    expect([events.length, events[0]?.timestamp.toISOString()]).toEqual([90, '2026-05-20T00:00:00.000Z']);
    await adapter.close();
    const { status, logs } = await verifyAuditLog(adapter.directory as string, { publicKey: adapter.publicKey as string });
    expect([status, logs[0]?.retired?.from, (logs[0]?.retired?.to ?? 0) > 10]).toEqual(['authentic', 0, true]);
  });

  test('are kept for a year by default', async () => {
    const { adapter, clock, log, segments } = await started({ timezone: 'utc' });
    await log();
    await clock.advance(12 * HOUR_MS);
    await until('midnight has passed', () => segments() === 2, clock);
    await clock.advance(364 * DAY_MS);
    await log();
    expect(segmentsIn(adapter.directory)[0]).toBe('audit-00000001.jsonl');
    await clock.advance(2 * DAY_MS);
    await until('the first is retired', () => segmentsIn(adapter.directory)[0] === 'audit-00000002.jsonl', clock);
    await adapter.close();
    expect(await verified(adapter)).toEqual(['authentic', undefined]);
  });

  test('are compressed, and found by queries and the verifier as before', async () => {
    const { adapter, clock, log } = await started({ rotation: { maxBytes: 8192 }, compress: true });
    for (let batch = 0; batch < 20; batch++) await log(5);
    await until('all but the last are compressed', () => segmentsIn(adapter.directory).filter((name) => !name.endsWith('.gz')).length === 1, clock);
    const events = await allOf(adapter.query());
    expect(events.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 100 }, (_, index) => (events[0]?.sequence as number) + index));
    await adapter.close();
    expect(await verified(adapter)).toEqual(['authentic', undefined]);
  });
});
