import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { HandlerContext } from '@lemur-bookstores/mesh-core';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { SecureMesh } from '../src/secure-mesh.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const errorOf = (call: Promise<unknown>): Promise<MeshError> => call.then(() => Promise.reject(new Error('it succeeded')), (error: MeshError) => error);

/** `payments` is down; `orders` has found that out, and calls it in each of its handlers; `web` calls `orders`. */
async function outage(): Promise<{ web: SecureMesh; orders: SecureMesh }> {
  const payments = await bed.running({ serviceId: 'payments' });
  payments.mesh.handle('charge', () => {
    throw new MeshError('no_database', 'the database is away', { code: 'UNAVAILABLE' });
  });
  const { mesh: orders } = await bed.running({ serviceId: 'orders', resilience: { circuitBreaker: { failureThreshold: 1 }, retry: false } });
  const client = orders.connect('payments');
  orders.handle('pass on', () => client.call('charge', {}));
  orders.handle('say', async () => {
    try {
      return await client.call('charge', {});
    } catch (error) {
      throw new MeshError('payments_unavailable', 'payments cannot be reached at present', { code: 'FAILED_PRECONDITION', cause: error });
    }
  });
  orders.handle('list', () => 'all of them');
  const { mesh: web } = await bed.running({ serviceId: 'web', resilience: { circuitBreaker: { failureThreshold: 3 }, retry: false } });
  expect(await errorOf(client.call('charge', {}))).toMatchObject({ reason: 'no_database', mayHaveRun: true });
  expect(await errorOf(client.call('charge', {}))).toMatchObject({ reason: 'circuit_open', mayHaveRun: false });
  return { web, orders };
}

describe('a service whose own service is down', () => {
  test("that passes the error on opens its callers' breakers; the error says that the handler may have run, whatever was said of the call inside", async () => {
    const { web } = await outage();
    const orders = web.connect('orders');
    for (let i = 0; i < 3; i++) {
      const error = await errorOf(orders.call('pass on', {}));
      expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'circuit_open', mayHaveRun: true });
      expect(error.text).toMatch(/^calls to payments at \S+ failed; none is made for another \d+ ms$/);
      expect(error.retryAfterMs).toBeGreaterThan(0);
    }
    expect(web.getStats().metrics.circuitBreakerState).toBe('open');
    expect(await errorOf(orders.call('list', {}))).toMatchObject({ reason: 'circuit_open', mayHaveRun: false });
  });

  test('that says so as FAILED_PRECONDITION goes on being called', async () => {
    const { web, orders } = await outage();
    const client = web.connect('orders');
    for (let i = 0; i < 5; i++) {
      expect(await errorOf(client.call('say', {}))).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'payments_unavailable', text: 'payments cannot be reached at present', mayHaveRun: true });
    }
    expect(await client.call('list', {})).toBe('all of them');
    expect([web.getStats().metrics.circuitBreakerState, orders.getStats().metrics.circuitBreakerState]).toEqual(['closed', 'open']);
  });
});

test('the time of the first caller is up: the handlers of both services behind it learn so, though the call between them had longer', async () => {
  const contexts: HandlerContext[] = [];
  const remainingMs: number[] = [];
  const c = await bed.running({ serviceId: 'c' });
  c.mesh.handle('hang', (_input, context) => (contexts.push(context), remainingMs.push(context.remainingMs), new Promise(() => {})));
  c.mesh.handle('answer', () => 'here');
  const b = await bed.running({ serviceId: 'b', resilience: { inheritDeadlines: true } });
  const toC = b.mesh.connect('c');
  const nested: Promise<MeshError>[] = [];
  b.mesh.handle('hang', (_input, context) => {
    contexts.push(context);
    nested.push(errorOf(toC.call('hang', {}, { timeoutMs: 60_000 })));
    return new Promise(() => {});
  });
  b.mesh.handle('answer', () => toC.call('answer', {}));
  const toB = (await bed.running({ serviceId: 'a' })).mesh.connect('b');
  // Connected: the time below is the call's alone.
  expect(await toB.call('answer', {})).toBe('here');
  const call = errorOf(toB.call('hang', {}, { timeoutMs: 1_000 }));
  await until('c handles it', () => remainingMs.length === 1);
  expect(remainingMs[0]).toBeLessThanOrEqual(1_000);
  expect(await call).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: true });
  // Whichever comes first: the end of the call around it, or its own, which is at the same time.
  expect(await nested[0]).toMatchObject({ code: expect.stringMatching(/^(DEADLINE_EXCEEDED|CANCELLED)$/), mayHaveRun: true });
  await until('both handlers are told', () => contexts.length === 2 && contexts.every(({ signal }) => signal.aborted));
});
