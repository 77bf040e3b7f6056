import { afterAll, afterEach, expect, test } from '@jest/globals';
import { FakeClock, type EventLoopMetrics } from '@lemur-bookstores/mesh-interface';
import { EventLoopMeter } from '../src/event-loop-meter.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
const clock = new FakeClock();
const meter = new EventLoopMeter(clock);
afterEach(async () => {
  meter.stop();
  await bed.close();
});
afterAll(() => bed.remove());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Keeps the event loop busy until the meter has seen it. */
async function stall(): Promise<EventLoopMetrics> {
  for (;;) {
    const endsAt = performance.now() + 100;
    while (performance.now() < endsAt);
    await turn();
    const seen = meter.read();
    if (seen !== undefined && seen.maxMs >= 60) return seen;
  }
}

test('a stall is seen by all who look, for a window and no longer than two', async () => {
  expect(meter.read()).toBeUndefined();
  meter.start();
  meter.start();
  const first = await stall();
  expect(first.maxMs).toBeGreaterThanOrEqual(first.p99Ms);
  expect(first.p99Ms).toBeGreaterThanOrEqual(first.meanMs);
  expect(first.utilization).toBeGreaterThan(0);
  expect(first.utilization).toBeLessThanOrEqual(1);
  // One asks often, and takes nothing from another.
  for (let i = 0; i < 10; i++) expect(meter.read()?.maxMs).toBeGreaterThanOrEqual(first.maxMs);
  await clock.advance(29_999);
  expect(meter.read()?.maxMs).toBeGreaterThanOrEqual(first.maxMs);
  await clock.advance(1);
  expect(meter.read()?.maxMs).toBeGreaterThanOrEqual(first.maxMs);
  // The newer span began with the older one, this time only.
  await clock.advance(30_000);
  expect(meter.read()?.maxMs).toBeGreaterThanOrEqual(first.maxMs);
  // What is told from here on began half a minute after the stall.
  await until('the stall is over', () => {
    const seen = meter.read();
    return seen !== undefined && seen.maxMs < first.maxMs;
  });
});

test('it is there while the mesh runs, and the health check takes nothing from it', async () => {
  const { mesh } = bed.mesh({ serviceId: 'orders' });
  expect(mesh.metrics().eventLoop).toBeUndefined();
  await mesh.initialize();
  await until('it has seen something', () => mesh.metrics().eventLoop !== undefined);
  await mesh.health.runChecks();
  const seen = mesh.metrics().eventLoop;
  expect(seen).toEqual({ meanMs: expect.any(Number), p99Ms: expect.any(Number), maxMs: expect.any(Number), utilization: expect.any(Number) });
  await mesh.cleanup();
  expect(mesh.metrics().eventLoop).toBeUndefined();
});
