import { afterAll, afterEach, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

test('the trace that a caller gives is in both trails, of calls that succeed and that do not', async () => {
  const payments = bed.mesh({ serviceId: 'payments' });
  payments.mesh.handle('pay', () => 'done');
  payments.mesh.handle('deny', () => {
    throw new MeshError('permission_denied', 'not you');
  });
  await payments.mesh.initialize();
  const orders = await bed.running({ serviceId: 'orders' });
  const client = orders.mesh.connect('payments');
  const traces = ['pay', 'deny', 'nobody-has-this'].map((method, index) => ({ method, trace: { traceId: `${index}`.repeat(32), spanId: `${index + 4}`.repeat(16) } }));
  for (const { method, trace } of traces) await client.call(method, {}, { trace }).catch(() => {});
  await client.call('pay', {});
  for (const { mesh } of [payments, orders]) await mesh.cleanup();

  const tracesOf = ({ audit }: typeof payments): unknown[] => audit.events.filter(({ eventType }) => eventType === 'message').map(({ trace }) => trace);
  const given = [...traces.map(({ trace }) => trace), undefined];
  expect([tracesOf(payments), tracesOf(orders)]).toEqual([given, given]);
  expect(payments.audit.having('auth.denied')[0]?.trace).toEqual(traces[1]?.trace);
});
