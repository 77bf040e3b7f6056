import { afterAll, afterEach, expect, test } from '@jest/globals';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

test('a snapshot is plain JSON and has calls, handshakes, keys and certificate; what a peer makes up is not in it', async () => {
  const payments = bed.mesh({ serviceId: 'payments' });
  payments.mesh.handle('pay', () => 'done');
  await payments.mesh.initialize();
  const orders = await bed.running({ serviceId: 'orders' });
  const client = orders.mesh.connect('payments');
  const trace = { traceId: '1'.repeat(32), spanId: '2'.repeat(16) };
  await client.call('pay', {}, { trace });
  await client.call('made-up', {}).catch(() => undefined);

  const into = payments.mesh.metrics();
  expect(into.calls.map(({ direction, peer, method, started, ended }) => ({ direction, peer, method, started, ended }))).toEqual([
    { direction: 'inbound', peer: 'orders', method: 'pay', started: 1, ended: { OK: 1 } },
    { direction: 'inbound', peer: 'orders', method: '_OTHER', started: 1, ended: { OK: 0, UNIMPLEMENTED: 1 } },
  ]);
  expect(into.calls[0]?.duration.exemplars).toMatchObject([{ trace }]);
  const out = orders.mesh.metrics();
  expect(out.handshakes).toEqual({ ok: 1 });
  expect(out.keys.staticKey).toMatchObject({ intervalMs: 86_400_000, overdue: false });
  expect(out.keys.staticKey?.ageMs).toBeGreaterThan(0);
  expect(out.keys.oldestSessionKeyMs).toBeGreaterThan(0);
  expect(out.certificate?.notAfter).toBe(orders.mesh.crypto.notAfter);
  for (const snapshot of [into, out]) expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);

  await orders.mesh.rotateKeys();
  await until('both ends have counted', () => payments.mesh.metrics().rekeys >= 1 && orders.mesh.metrics().rekeys >= 1);
  for (const { mesh } of [orders, payments]) {
    const { rekeys, rekeysByTrigger } = mesh.metrics();
    expect(Object.values(rekeysByTrigger).reduce((sum, count) => sum + count, 0)).toBe(rekeys);
  }
});

test('before and after its time a mesh has neither keys nor a certificate to tell of', async () => {
  const { mesh } = bed.mesh({ serviceId: 'orders' });
  expect(mesh.metrics()).toMatchObject({ calls: [], keys: { oldestSessionKeyMs: 0 } });
  expect(mesh.metrics().certificate).toBeUndefined();
  await mesh.initialize();
  await mesh.cleanup();
  expect(mesh.metrics().keys).toEqual({ oldestSessionKeyMs: 0 });
  expect(mesh.metrics().certificate).toBeUndefined();
});
