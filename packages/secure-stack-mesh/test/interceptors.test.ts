import { afterAll, afterEach, expect, test } from '@jest/globals';
import { MeshError, type InterceptedCall, type Interceptor } from '@lemur-bookstores/mesh-interface';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

test('one function is an interceptor at both ends: the first is the outermost, what it changes goes on, and who calls is known where it is proven', async () => {
  const seen: string[] = [];
  const calls: InterceptedCall[] = [];
  const named = (name: string): Interceptor => async (call, next) => {
    seen.push(`${name} ${call.direction}`);
    calls.push(call);
    const result = await next({ ...call, input: `${call.input as string}>${name}` });
    seen.push(`${name} back`);
    return `${result as string}<${name}`;
  };
  const both = named('both');
  const payments = await bed.running({ serviceId: 'payments' });
  payments.mesh.handle('pay', (input) => `${input as string}!`);
  const orders = await bed.running({ serviceId: 'orders' });
  for (const { mesh } of [payments, orders]) for (const interceptor of [both, named('inner')]) mesh.use(interceptor);

  expect(await orders.mesh.connect('payments').call('pay', '1', { metadata: { tenant: 'a' }, idempotent: true })).toBe('1>both>inner>both>inner!<inner<both<inner<both');
  expect(seen).toEqual(['both outbound', 'inner outbound', 'both inbound', 'inner inbound', 'inner back', 'both back', 'inner back', 'both back']);
  const [out, , into] = calls;
  expect(out).toMatchObject({ direction: 'outbound', service: 'payments', method: 'pay', input: '1', metadata: { tenant: 'a' }, idempotent: true });
  expect(out?.peer).toBeUndefined();
  expect(into).toMatchObject({ direction: 'inbound', service: 'payments', method: 'pay', metadata: { tenant: 'a' }, peer: { serviceId: 'orders', id: orders.mesh.crypto.id } });
});

test('what one refuses never gets there, at either end, and says so', async () => {
  const refuse = (direction: string): Interceptor => (call, next) =>
    call.direction === direction && call.method === 'refused' ? Promise.reject(new MeshError('closed_today', 'not today', { code: 'FAILED_PRECONDITION', mayHaveRun: false })) : next(call);
  for (const direction of ['inbound', 'outbound']) {
    const payments = await bed.running({ serviceId: `payments-${direction}` });
    let ran = 0;
    payments.mesh.handle('refused', () => ran++);
    const orders = await bed.running({ serviceId: 'orders' });
    for (const { mesh } of [payments, orders]) mesh.use(refuse(direction));
    await expect(orders.mesh.connect(`payments-${direction}`).call('refused', {})).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'closed_today', text: 'not today', mayHaveRun: false });
    expect([ran, payments.mesh.getStats().metrics.messagesReceived]).toEqual([0, direction === 'inbound' ? 1 : 0]);
    await payments.mesh.close();
  }
});
