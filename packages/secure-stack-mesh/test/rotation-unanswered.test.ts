import { afterAll, afterEach, expect, test } from '@jest/globals';
import { FakeClock, type MeshError } from '@lemur-bookstores/mesh-interface';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';
import { WatchedChannels } from './support/watched-channels.js';

const bed = new TestBed();
let clock: FakeClock;
afterEach(async () => {
  // A session that is held has nothing more to say: closing it takes all the time there is.
  let isClosed = false;
  const closed = bed.close().finally(() => (isClosed = true));
  await pass(() => isClosed);
  await closed;
});
afterAll(() => bed.remove());

/** Of the clock of the test, between which sockets have their turn, in ms. */
const STEP_MS = 500;

/** Lets time pass until something holds. @returns how much, in ms */
async function pass(holds: () => boolean): Promise<number> {
  const from = clock.monotonic();
  while (!holds() && clock.monotonic() - from < 120_000) {
    await clock.advance(STEP_MS);
    // For what travels between the two in no time.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  return clock.monotonic() - from;
}

/** 'orders', whose keys last for 64 records, and 'payments', which answers one INIT and then none for an hour. */
async function unanswering() {
  clock = new FakeClock();
  const channels = new WatchedChannels();
  const runs = new Map<number, number>();
  const payments = bed.mesh({ serviceId: 'payments', clock, rotation: { minIntervalMs: 3_600_000 } });
  payments.mesh.handle<number>('count', (key) => (runs.set(key, (runs.get(key) ?? 0) + 1), key));
  const orders = bed.mesh({ serviceId: 'orders', clock, rotation: { minIntervalMs: 0, maxRecords: 16 }, resilience: { circuitBreaker: { failureThreshold: 1_000 } } });
  for (const one of [payments, orders]) {
    channels.watch(one);
    await one.mesh.initialize();
  }
  const client = orders.mesh.connect<{ count(key: number): number }>('payments');
  let next = 0;
  const call = (timeoutMs: number): Promise<number> => client.call('count', next++, { timeoutMs });
  expect(await call(1_000)).toBe(0);
  const dialler = channels.sessions[0]!.dialler.rekeying!;
  dialler.rekey('manual');
  await until('the first rekey is answered', () => channels.rotations === 1);
  while (!dialler.holds) await call(1_000);
  await clock.advance(0);
  expect(dialler.pending).toBe(true);
  return { channels, orders, runs, call };
}

test('a peer that does not answer a rekey, past the hard limit: calls that can wait go to the session that takes its place, each once', async () => {
  const { channels, orders, runs, call } = await unanswering();
  const answers: number[] = [];
  const errors: MeshError[] = [];
  const waiting = Array.from({ length: 40 }, () => call(60_000));
  for (const each of waiting) each.then((key) => void answers.push(key), (error: MeshError) => void errors.push(error));
  const before = runs.size;
  const ms = await pass(() => answers.length + errors.length === waiting.length);
  expect(errors).toEqual([]);
  expect(answers).toHaveLength(waiting.length);
  expect(runs.size).toBe(before + waiting.length);
  expect([...runs.values()].every((count) => count === 1)).toBe(true);
  expect(ms).toBeLessThanOrEqual(32_000);
  expect(channels.sessions).toHaveLength(2);
  expect(orders.mesh.getStats().metrics.messagesFailed).toBe(0);
});

test('and calls that cannot wait so long: their deadlines hold, and they have not run, then or later', async () => {
  const { orders, runs, call } = await unanswering();
  const before = runs.size;
  const errors: MeshError[] = [];
  for (let index = 0; index < 40; index++) call(2_000).catch((error: MeshError) => void errors.push(error));
  const ms = await pass(() => errors.length === 40);
  expect(ms).toBeLessThanOrEqual(2_500);
  for (const error of errors) expect(error).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: false });
  // The session that takes its place does not get them.
  await pass(() => orders.mesh.metrics().handshakes['ok'] === 2);
  expect(await call(60_000)).toBe(before + 40);
  expect(runs.size).toBe(before + 1);
});
