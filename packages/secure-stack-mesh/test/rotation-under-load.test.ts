import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { WebSocketTransport } from '@lemur-bookstores/mesh-core';
import type { SecureMeshOptions } from '../src/options.js';
import { CountedCalls, type CallPlan } from './support/counted-calls.js';
import { SlowTransport } from './support/slow-transport.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';
import { WatchedChannels } from './support/watched-channels.js';

const PATIENCE_MS = 120_000;
/** `npm run soak` multiplies the calls. */
const FACTOR = Number(process.env['MESH_SOAK'] ?? 1);

/** Calls whose bodies need fragments: chance makes some ten of them in the shortest plan. */
const ENOUGH_LARGE = 3;

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

interface Pair {
  readonly calls: CountedCalls;
  readonly channels: WatchedChannels;
  readonly orders: TestMesh;
  readonly payments: TestMesh;
}

/** Two meshes that call each other, so that each dials and accepts a session. */
async function pair(options: Partial<SecureMeshOptions>): Promise<Pair> {
  const [calls, channels] = [new CountedCalls(), new WatchedChannels()];
  const [orders, payments] = (['orders', 'payments'] as const).map((serviceId) => bed.mesh({ serviceId, monitoring: { enabled: false }, ...options })) as [TestMesh, TestMesh];
  for (const one of [orders, payments]) {
    channels.watch(one);
    calls.handleAt(one);
    await one.mesh.initialize();
  }
  return { calls, channels, orders, payments };
}

/** A plan in both directions; where enough has not happened by its end, as on a machine that is quick or slow, more of it: 25 times as much at most. */
async function callUntil({ calls, orders, payments }: Pair, plan: CallPlan, isMoved: () => boolean): Promise<void> {
  const isEnough = (): boolean => isMoved() && calls.counts.large >= ENOUGH_LARGE;
  const longer = { ...plan, calls: 25 * plan.calls, until: () => calls.made >= 2 * plan.calls && isEnough() };
  await Promise.all([calls.call(orders, 'payments', longer), calls.call(payments, 'orders', longer)]);
  expect(isEnough()).toBe(true);
}

function expectWhole({ calls, orders, payments }: Pair): void {
  expect(calls.problems()).toEqual([]);
  expect(calls.counts.answered + calls.counts.cancelled).toBe(calls.made);
  expect(calls.counts.cancelled).toBeGreaterThan(calls.made / 200);
  expect(calls.counts.large).toBeGreaterThanOrEqual(ENOUGH_LARGE);
  for (const { log } of [orders, payments]) expect(log.filter((line) => !line.startsWith('debug'))).toEqual([]);
}

describe('keys are replaced under load, by both ends at once: no call fails, is lost, doubled or out of order', () => {
  test('200 rotations and more during 100,000 calls in both directions', async () => {
    const both = await pair({ rotation: { interval: 100, minIntervalMs: 0 } });
    const { calls, channels, orders, payments } = both;
    const plan = { calls: 50_000 * FACTOR, callers: 48, meanwhile: { every: 200, act: () => channels.rekey() } };
    await Promise.all([calls.call(orders, 'payments', plan), calls.call(payments, 'orders', plan)]);
    const { rotations, sessions } = channels;
    expectWhole(both);
    expect(calls.made).toBe(100_000 * FACTOR);
    // The same two sessions all the time.
    expect(sessions).toHaveLength(2);
    expect(rotations).toBeGreaterThanOrEqual(200 * FACTOR);
    for (const { dialler } of sessions) expect(dialler.epoch).toBeGreaterThan(16);
  }, PATIENCE_MS * FACTOR);

  test('with peers that read slowly, and messages that are half written as their keys are replaced', async () => {
    const both = await pair({ transport: new SlowTransport(new WebSocketTransport(), 600_000), rotation: { interval: 100, minIntervalMs: 0 } });
    const { calls, channels, orders, payments } = both;
    const plan = { calls: 600 * FACTOR, callers: 8, burst: 4, largeEvery: 6, largest: 3_500_000, meanwhile: { every: 10, act: () => channels.rekey() } };
    await Promise.all([calls.call(orders, 'payments', plan), calls.call(payments, 'orders', plan)]);
    expectWhole(both);
    expect(channels.sessions).toHaveLength(2);
    expect(channels.rotations).toBeGreaterThan(30);
    expect(channels.rotationsWithinMessages).toBeGreaterThan(10);
  }, PATIENCE_MS * FACTOR);

  test.each([1, 20])('at an interval of %d ms: whatever is on its way as a key gets too old for more still counts', async (interval) => {
    const both = await pair({ rotation: { interval, minIntervalMs: 0 } });
    const { channels } = both;
    await callUntil(both, { calls: 4_000 * FACTOR, callers: 48 }, () => channels.rotations > 5);
    expectWhole(both);
    expect(channels.sessions).toHaveLength(2);
  }, PATIENCE_MS * FACTOR);

  /** One turn of all callers makes more records than a key is good for. */
  const many: CallPlan = { calls: 12_000 * FACTOR, callers: 400, burst: 8, largeEvery: 300, largest: 400_000 };
  const large: CallPlan = { calls: 200 * FACTOR, callers: 8, burst: 1, largeEvery: 4, largest: 3_500_000 };
  test.each([
    ['records', { maxRecords: 16, minIntervalMs: 200 }, many],
    ['bytes', { maxBytes: 2 ** 20, minIntervalMs: 0 }, large],
    ['both, at the usual pace', { maxRecords: 16, maxBytes: 2 ** 20 }, large],
  ])('at the smallest limit of %s: what is past it waits for the next key, and goes on', async (_what, rotation, plan) => {
    const both = await pair({ rotation });
    const { channels } = both;
    await callUntil(both, plan, () => channels.holds > 5 && channels.rotations > 10);
    expectWhole(both);
    expect(channels.sessions).toHaveLength(2);
  }, PATIENCE_MS * FACTOR);

  test('cleanup() of an instance while its rekeys are open: what is in flight ends, the rest goes to the other', async () => {
    const [calls, channels] = [new CountedCalls(), new WatchedChannels()];
    const [leaving, staying, orders] = ['payments', 'payments', 'orders'].map((serviceId) => bed.mesh({ serviceId, rotation: { minIntervalMs: 0 } })) as [TestMesh, TestMesh, TestMesh];
    for (const one of [leaving, staying, orders]) {
      channels.watch(one);
      calls.handleAt(one);
      await one.mesh.initialize();
    }
    let isDone = false;
    const load = calls.call(orders, 'payments', { calls: Infinity, until: () => isDone, callers: 32, burst: 1, largeEvery: 50, meanwhile: { every: 50, act: () => channels.rekey() } });
    await until('both instances have calls', () => [leaving, staying].every(({ mesh }) => mesh.getStats().metrics.messagesReceived > 100));
    channels.rekey();
    expect(channels.sessions.every(({ dialler }) => dialler.rekeying?.pending === true)).toBe(true);
    await leaving.mesh.cleanup();
    const made = calls.made;
    await until('calls go on', () => calls.made > made + 500);
    isDone = true;
    await load;
    expect(calls.problems()).toEqual([]);
    expect(leaving.audit.having('session.failed')).toEqual([]);
  }, PATIENCE_MS * FACTOR);
});
