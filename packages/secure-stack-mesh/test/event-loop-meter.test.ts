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

/** At least so late the two spans, which do not look at the same moments, have seen the loop of a stall of 150 ms. */
const STALL_MS = 100;

/** Keeps the event loop busy until the meter has seen it. */
async function stall(): Promise<EventLoopMetrics> {
  for (;;) {
    const endsAt = performance.now() + 150;
    while (performance.now() < endsAt);
    await turn();
    const seen = meter.read();
    if (seen !== undefined && seen.maxMs >= STALL_MS) return seen;
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
  // The other span began with this one, the first time only.
  await clock.advance(30_000);
  expect(meter.read()?.maxMs).toBeGreaterThanOrEqual(STALL_MS);
  // What is told from here on began half a minute after the stall. The machine may have had another one meanwhile.
  await until('a while without a stall', async () => {
    await clock.advance(10_000);
    const seen = meter.read();
    return seen !== undefined && seen.maxMs < STALL_MS;
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
