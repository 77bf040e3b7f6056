import { afterAll, afterEach, expect, test } from '@jest/globals';
import { MeshError, type ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import { SecureMesh } from '../src/secure-mesh.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** An adapter that counts whatever is asked of it. */
function counting(): { adapter: ManagedAdapter; asked: string[] } {
  const asked: string[] = [];
  const note = (what: string) => () => Promise.resolve(void asked.push(what));
  return { asked, adapter: { name: 'counting', logEvent: note('logEvent'), logEvents: note('logEvents'), start: note('start'), flush: note('flush'), close: note('close') } };
}

test('monitoring.enabled false: no event is made, no adapter gets any, and a call touches no audit object', async () => {
  const { adapter, asked } = counting();
  const options = { monitoring: { enabled: false, adapters: [adapter] } };
  const payments = bed.mesh({ serviceId: 'payments', ...options });
  const orders = bed.mesh({ serviceId: 'orders', ...options });
  payments.mesh.handle('pay', (input) => input);
  payments.mesh.handle('deny', () => {
    throw new MeshError('permission_denied', 'not you');
  });
  for (const { mesh } of [payments, orders]) await mesh.initialize();
  const client = orders.mesh.connect('payments');
  await client.call('pay', 0);

  // From here on whatever a call did to an audit logger would be seen.
  const touched: string[] = [];
  for (const { mesh } of [payments, orders]) {
    for (const name of ['record', 'log', 'contractOf', 'flush'] as const) Object.defineProperty(mesh.audit, name, { value: () => void touched.push(name) });
  }
  for (let i = 1; i <= 100; i++) expect(await client.call('pay', i, { trace: { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) } })).toBe(i);
  for (const method of ['deny', 'nobody-has-this']) await expect(client.call(method, 1)).rejects.toBeInstanceOf(MeshError);
  expect(touched).toEqual([]);

  // Everything else works as ever.
  expect(orders.mesh.getStats().metrics).toMatchObject({ messagesSent: 103, messagesFailed: 2 });
  expect(orders.mesh.getStats().audit).toMatchObject({ emitted: 0 });
  expect((await orders.mesh.healthCheck()).details.checks).not.toHaveProperty('audit');
  for (const { mesh } of [payments, orders]) await mesh.cleanup();
  expect([payments.audit.events, orders.audit.events]).toEqual([[], []]);
  expect(asked.filter((what) => what !== 'close')).toEqual([]);
});

test('without an adapter it is off, too', () => {
  const mesh = bed.closing(new SecureMesh({ serviceId: 'alone', port: 0, paths: bed.paths }));
  expect([mesh.audit.enabled, mesh.getStats().audit]).toEqual([false, { emitted: 0, adapters: [] }]);
});
