import { afterAll, afterEach, expect, test } from '@jest/globals';
import { FakeClock, type ManagedAdapter, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

test.each([true, false])('an adapter gets the figures of its mesh every metricsIntervalMs, audit on: %p', async (enabled) => {
  const clock = new FakeClock(Date.now());
  const snapshots: MetricsSnapshot[] = [];
  const adapter: ManagedAdapter = { name: 'figures', logEvent: () => Promise.resolve(), logMetrics: (metrics) => Promise.resolve(void snapshots.push(metrics)) };
  const { mesh, log } = await bed.running({ serviceId: 'orders', clock, identity: { local: true }, monitoring: { enabled, adapters: [adapter], metricsIntervalMs: 500 } });
  await clock.advance(1_500);
  expect(snapshots.map(({ serviceId }) => serviceId)).toEqual(['orders', 'orders', 'orders']);
  expect(snapshots.map(({ timestamp }) => timestamp - snapshots[0]!.timestamp)).toEqual([0, 500, 1_000]);
  await mesh.cleanup();
  await clock.advance(5_000);
  expect(snapshots).toHaveLength(3);
  expect(log.filter((line) => line.includes('logMetrics'))).toEqual([]);
});
