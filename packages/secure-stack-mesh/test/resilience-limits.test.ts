import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { HandlerContext } from '@lemur-bookstores/mesh-core';
import type { MeshError } from '@lemur-bookstores/mesh-interface';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const errorOf = (call: Promise<unknown>): Promise<MeshError> => call.then(() => Promise.reject(new Error('it succeeded')), (error: MeshError) => error);

describe('limits of calls in', () => {
  test("a method's own limit holds for the identity, whichever connection it calls by; a retry comes when it was told to", async () => {
    const rateLimit = { maxRequests: 100, windowMs: 60_000, methods: { refund: { maxRequests: 1, windowMs: 300 } } };
    const payments = await bed.running({ serviceId: 'payments', resilience: { rateLimit } });
    payments.mesh.handle('refund', () => 'refunded');
    const orders = await bed.running({ serviceId: 'orders' });
    const client = orders.mesh.connect('payments');
    expect(await client.call('refund', {})).toBe('refunded');
    await orders.mesh.disconnect('payments');
    expect(await errorOf(client.call('refund', {}, { retry: false }))).toMatchObject({ reason: 'rate_limited', mayHaveRun: false });
    expect(await client.call('refund', {})).toBe('refunded');
    expect(orders.mesh.metrics().retries).toBe(1);
    expect(payments.mesh.metrics().rateLimited).toBeGreaterThanOrEqual(2);
    await until('the burst is told', () => payments.audit.having('rate.limited').length > 0);
    expect(payments.audit.having('rate.limited')).toHaveLength(1);
  });

  test('the line is served in its order, beyond it calls are refused, and closing does not wait for it for ever', async () => {
    const payments = await bed.running({ serviceId: 'payments', resilience: { concurrency: { limit: 1, queue: 2 } }, limits: { drainMs: 200 } });
    const ran: unknown[] = [];
    let end = (): void => {};
    payments.mesh.handle('pay', (input) => new Promise((resolve) => (ran.push(input), (end = () => resolve(input)))));
    const client = (await bed.running({ serviceId: 'orders', resilience: { retry: false } })).mesh.connect('payments');
    const calls = [1, 2, 3, 4].map((input) => client.call('pay', input));
    calls.forEach((call) => call.catch(() => undefined));
    expect(await errorOf(calls[3]!)).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'overloaded', mayHaveRun: false });
    end();
    expect(await calls[0]).toBe(1);
    await until('the next one runs', () => ran.length === 2);
    expect(payments.mesh.metrics().overloaded).toBe(1);
    await payments.mesh.close();
    for (const call of calls.slice(1, 3)) expect(await errorOf(call)).toMatchObject({ mayHaveRun: true });
    end();
    expect(ran).toEqual([1, 2]);
  });
});

describe('deadlines inherited over three meshes', () => {
  test('time shrinks, the trace is the same, and a caller that gives up ends what was called for it; what is detached goes on', async () => {
    const contexts: HandlerContext[] = [];
    const c = await bed.running({ serviceId: 'c' });
    c.mesh.handle('hang', (_input, context) => (contexts.push(context), new Promise(() => {})));
    c.mesh.handle('left', (_input, { remainingMs, trace }) => ({ remainingMs, trace }));
    const b = await bed.running({ serviceId: 'b', resilience: { inheritDeadlines: true } });
    const toC = b.mesh.connect('c');
    const nested: Promise<unknown>[] = [];
    b.mesh.handle('left', () => toC.call('left', {}, { timeoutMs: 60_000 }));
    b.mesh.handle('detached', () => b.mesh.detach(() => toC.call('left', {}, { timeoutMs: 60_000 })));
    b.mesh.handle('hang', () => {
      nested.push(toC.call('hang', {}));
      return nested[0];
    });
    const toB = (await bed.running({ serviceId: 'a' })).mesh.connect('b');
    const trace = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
    const left = (await toB.call('left', {}, { timeoutMs: 5_000, trace })) as { remainingMs: number };
    expect(left).toMatchObject({ trace });
    expect(left.remainingMs).toBeLessThanOrEqual(5_000);
    expect(((await toB.call('detached', {}, { timeoutMs: 5_000 })) as { remainingMs: number }).remainingMs).toBeGreaterThan(5_000);
    const abort = new AbortController();
    const call = errorOf(toB.call('hang', {}, { signal: abort.signal }));
    await until('c handles it', () => contexts.length === 1);
    abort.abort();
    expect(await call).toMatchObject({ code: 'CANCELLED' });
    expect(await errorOf(nested[0]!)).toMatchObject({ code: 'CANCELLED', mayHaveRun: true });
    await until('c is told', () => contexts[0]!.signal.aborted);
  });
});
