// What the trails of two meshes say of the keys of their sessions, against what their channels did.
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { FakeClock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { SecureMeshOptions } from '../src/options.js';
import { Random } from './support/random.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const INTERVAL_MS = 1_000;
const STEPS = 40;
/** Whatever waits for real sockets here, no time passes for it. */
const NEVER_MS = 2 ** 40;

interface Ends {
  readonly clock: FakeClock;
  readonly orders: TestMesh;
  readonly payments: TestMesh;
}

async function pair(options: Partial<SecureMeshOptions>): Promise<Ends> {
  const clock = new FakeClock(Date.now());
  const common = { clock, limits: { idlePingMs: NEVER_MS, handshakeMs: NEVER_MS }, ...options };
  const payments = bed.mesh({ serviceId: 'payments', ...common });
  payments.mesh.handle('pay', (input) => input);
  await payments.mesh.initialize();
  const orders = await bed.running({ serviceId: 'orders', ...common });
  return { clock, orders, payments };
}

const keyEvents = ({ audit }: TestMesh, action: string): Record<string, unknown>[] =>
  audit.having(action).filter(({ details }) => details.metadata?.['keyType'] === 'session').map(({ details }: MeshAuditEvent) => details.metadata ?? {});

/** Both ends have completed the same changes. */
const settled = ({ orders, payments }: Ends, least = 0): Promise<void> =>
  until('both ends have the same epochs', () => orders.mesh.metrics().rekeys === payments.mesh.metrics().rekeys && orders.mesh.metrics().rekeys >= least);

test.each([1, 2, 3])('run %#: as many key.rotated at each end as epochs that both reached, for the same keys in the same order', async (run) => {
  const random = new Random(run);
  const ends = await pair({ rotation: { interval: INTERVAL_MS, rejectAfterMs: NEVER_MS, maxRecords: 16, minIntervalMs: 0 } });
  const { clock, orders, payments } = ends;
  const client = orders.mesh.connect('payments');
  let epochs = 0;
  for (let step = 0; step < STEPS; step++) {
    const what = random.below(10);
    if (what === 0) {
      await settled(ends);
      await orders.mesh.disconnect('payments');
    } else if (what < 6) await client.call('pay', { step }, { timeoutMs: 2 ** 31 });
    else {
      await client.call('pay', {}, { timeoutMs: 2 ** 31 });
      const before = orders.mesh.metrics().rekeys;
      await clock.advance(INTERVAL_MS);
      await settled(ends, before + 1);
    }
    epochs = orders.mesh.metrics().rekeys;
  }
  await settled(ends, epochs);
  await orders.mesh.cleanup();
  await payments.mesh.cleanup();

  const { rekeys } = orders.mesh.metrics();
  expect(rekeys).toBeGreaterThan(5);
  expect([payments.mesh.metrics().rekeys, orders.mesh.metrics().rekeysFailed, payments.mesh.metrics().rekeysFailed]).toEqual([rekeys, 0, 0]);
  const chain = (mesh: TestMesh): unknown[] => keyEvents(mesh, 'key.rotated').map(({ previousKeyId, keyId }) => [previousKeyId, keyId]);
  expect([chain(orders).length, chain(payments)]).toEqual([rekeys, chain(orders)]);
  for (const mesh of [orders, payments]) {
    const ids = (action: string): unknown[] => keyEvents(mesh, action).map(({ keyId }) => keyId);
    const [first, next, last] = [ids('key.activated'), ids('key.rotated'), ids('key.retired')];
    expect(first.length).toBe(mesh.mesh.getStats().metrics.connectionsSuccessful);
    // Each key began once, and ended once: in the next of its session, or with it.
    expect(new Set([...first, ...next]).size).toBe(first.length + next.length);
    expect([...keyEvents(mesh, 'key.rotated').map(({ previousKeyId }) => previousKeyId), ...last].sort()).toEqual([...first, ...next].sort());
  }
});

test('what a key protected is what the session sent and received: the same at both ends', async () => {
  const ends = await pair({ rotation: { interval: INTERVAL_MS, rejectAfterMs: NEVER_MS, minIntervalMs: 0 } });
  const { clock, orders, payments } = ends;
  for (let i = 0; i < 7; i++) await orders.mesh.connect('payments').call('pay', { i }, { timeoutMs: 2 ** 31 });
  await clock.advance(INTERVAL_MS);
  await until('both trails have it', () => [orders, payments].every((end) => keyEvents(end, 'key.rotated').length === 1));
  const [one, other] = [keyEvents(orders, 'key.rotated')[0]?.['retired'], keyEvents(payments, 'key.rotated')[0]?.['retired']] as [{ records: number; bytes: number }, { records: number; bytes: number }];
  // A welcome, seven calls and answers, INIT and RESP.
  expect(one.records).toBe(1 + 14 + 2);
  expect(one.bytes).toBeGreaterThan(14 * 20);
  expect({ records: other.records, bytes: other.bytes }).toEqual({ records: one.records, bytes: one.bytes });
});

test('a compromise: the sessions there were end, and their last keys with it; what takes their place begins anew', async () => {
  const payments = bed.mesh({ serviceId: 'payments' });
  payments.mesh.handle('pay', (input) => input);
  await payments.mesh.initialize();
  const orders = await bed.running({ serviceId: 'orders' });
  const client = orders.mesh.connect('payments');
  await client.call('pay', 1);
  await orders.mesh.rotateKeys({ reason: 'compromise' });
  await client.call('pay', 2);
  await until('the first session has ended', () => keyEvents(orders, 'key.retired').length === 1);
  const [first, second] = keyEvents(orders, 'key.activated');
  expect(keyEvents(orders, 'key.retired')[0]).toMatchObject({ keyId: first?.['keyId'], trigger: 'compromise', retired: { destroyed: true } });
  expect([first?.['trigger'], second?.['trigger'], first?.['keyId'] !== second?.['keyId']]).toEqual(['start', 'start', true]);
});
