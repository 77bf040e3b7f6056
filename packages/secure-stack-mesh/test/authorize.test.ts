import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { MeshError } from '@lemur-bookstores/mesh-interface';
import type { SecureMeshOptions } from '../src/options.js';
import { TestAuthority } from './support/authority.js';
import { TestBed, type TestMesh } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const errorOf = (call: Promise<unknown>): Promise<MeshError> => call.then(() => Promise.reject(new Error('it succeeded')), (error: MeshError) => error);

/** A service that is asked for, and how often its handlers ran. */
async function payments(security: NonNullable<SecureMeshOptions['security']>, more: Partial<SecureMeshOptions> = {}): Promise<TestMesh & { readonly port: number; readonly ran: string[] }> {
  const made = await bed.running({ serviceId: 'payments', security, ...more });
  const ran: string[] = [];
  for (const method of ['pay', 'refund', 'status']) made.mesh.handle(method, (input) => (ran.push(method), input));
  return { ...made, ran };
}

describe('a mesh that says who may call what', () => {
  test('lets those in its table call, and nobody else; trail and figures say so', async () => {
    const { mesh, audit, ran } = await payments({ authorize: { pay: ['orders'], refund: ['billing'], status: '*' } });
    const [orders, billing] = [await bed.running({ serviceId: 'orders' }), await bed.running({ serviceId: 'billing' })];
    const [byOrders, byBilling] = [orders.mesh.connect('payments'), billing.mesh.connect('payments')];
    expect([await byOrders.call('pay', 1), await byBilling.call('refund', 2), await byOrders.call('status', 3), await byBilling.call('status', 4)]).toEqual([1, 2, 3, 4]);
    for (const call of [byBilling.call('pay', 1), byOrders.call('refund', 1), byOrders.call('nobody-has-this', 1), byOrders.call('__proto__', 1)]) {
      expect(await errorOf(call)).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'permission_denied', mayHaveRun: false });
    }
    expect(await byOrders.call('health')).toMatchObject({ service: 'payments' });
    expect(ran).toEqual(['pay', 'refund', 'status', 'status']);
    expect(mesh.metrics().authorizationDenied).toBe(4);
    await mesh.audit.flush();
    expect(audit.having('auth.denied').map(({ targetServiceId, details: { metadata, success } }) => [targetServiceId, metadata?.['method'], metadata?.['mode'], success])).toEqual([
      ['billing', 'pay', 'enforce', false],
      ['orders', 'refund', 'enforce', false],
      ['orders', '_OTHER', 'enforce', false],
    ]);
    // A refusal is no trouble of the service that gives it.
    expect(orders.mesh.getStats().metrics.circuitBreakerState).toBe('closed');
  });

  test('in a trust domain of its own: a service id is one of that domain', async () => {
    const authority = new TestAuthority(bed.folder);
    const { port, ran } = await payments({ authorize: { pay: ['orders'], refund: ['spiffe://mesh.test/billing', 'spiffe://other.test/orders'] } }, { host: '127.0.0.1', identity: await authority.files('payments') });
    const client = async (serviceId: string) =>
      (await bed.running({ serviceId, host: '127.0.0.1', identity: await authority.files(serviceId), discovery: { services: [{ id: 'payments', host: '127.0.0.1', port }] } })).mesh.connect('payments');
    const [orders, billing] = [await client('orders'), await client('billing')];
    expect([await orders.call('pay', 1), await billing.call('refund', 2)]).toEqual([1, 2]);
    for (const call of [orders.call('refund', 1), billing.call('pay', 1)]) expect(await errorOf(call)).toMatchObject({ reason: 'permission_denied', mayHaveRun: false });
    expect(ran).toEqual(['pay', 'refund']);
  });

  test('or by a function of peer and method', async () => {
    const { ran } = await payments({ authorize: ({ id, serviceId }, method) => id.endsWith('/orders') && serviceId === 'orders' && method === 'pay' });
    const orders = (await bed.running({ serviceId: 'orders' })).mesh.connect('payments');
    expect(await orders.call('pay', 1)).toBe(1);
    expect(await errorOf(orders.call('refund', 1))).toMatchObject({ reason: 'permission_denied' });
    expect(ran).toEqual(['pay']);
  });

  test("with authorizeMode 'audit' all may, and the trail has who would have been refused", async () => {
    const { mesh, audit, ran } = await payments({ authorize: { pay: ['billing'] }, authorizeMode: 'audit' });
    const orders = (await bed.running({ serviceId: 'orders' })).mesh.connect('payments');
    expect([await orders.call('pay', 1), ran]).toEqual([1, ['pay']]);
    const event = await audit.waitFor('auth.denied');
    expect(event.details).toMatchObject({ success: false, error: expect.stringContaining('let through'), metadata: { method: 'pay', mode: 'audit', peerId: expect.stringMatching(/\/orders$/) } });
    expect(mesh.metrics().authorizationDenied).toBe(1);
  });

  test('a refused call costs the rate limit of its peer nothing', async () => {
    const limited = await payments({ authorize: { pay: ['orders'] } }, { resilience: { rateLimit: { maxRequests: 1, windowMs: 3_600_000 } } });
    const orders = (await bed.running({ serviceId: 'orders' })).mesh.connect('payments');
    for (let i = 0; i < 5; i++) expect(await errorOf(orders.call('refund', i))).toMatchObject({ reason: 'permission_denied' });
    expect([await orders.call('pay', 1), limited.ran]).toEqual([1, ['pay']]);
  });
});
