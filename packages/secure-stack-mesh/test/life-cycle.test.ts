import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { DiscoveryProvider, ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import { HealthMonitor } from '@lemur-bookstores/mesh-health';
import { SecureMesh } from '../src/secure-mesh.js';
import { isFree } from './support/free-port.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const ZEROS = { messagesSent: 0, messagesFailed: 0, messagesReceived: 0, connectionsSuccessful: 0, connectionsFailed: 0, averageLatency: 0, circuitBreakerState: 'closed' };

describe('before initialize()', () => {
  test('figures are zero, health is unhealthy, and nothing throws', async () => {
    const { mesh } = bed.mesh({ serviceId: 'orders' });
    expect(mesh.getStats()).toMatchObject({ service: 'orders', sessions: { activeSessions: 0 }, connectedServices: [], metrics: ZEROS });
    const health = await mesh.healthCheck();
    expect(health).toMatchObject({ status: 'unhealthy', services: 0, details: { metrics: ZEROS } });
    expect(Object.keys(health.details.checks)).toEqual(expect.arrayContaining(['mesh-core', 'crypto', 'discovery']));
    expect(mesh.port).toBeUndefined();
  });

  test('a call is refused, and has not run; it is not kept for later', async () => {
    const payments = await bed.running({ serviceId: 'payments' });
    let runs = 0;
    payments.mesh.handle('pay', () => ++runs);
    const { mesh } = bed.mesh({ serviceId: 'orders' });
    const client = mesh.connect('payments');
    await expect(client.call('pay', {})).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'not_initialized', mayHaveRun: false });
    await mesh.initialize();
    expect(await client.call('pay', {})).toBe(1);
  });

  test('handlers, interceptors and clients can be set up', async () => {
    const payments = bed.mesh({ serviceId: 'payments' });
    const seen: string[] = [];
    payments.mesh.use(async (call, next) => {
      seen.push(`${call.direction} ${call.method}`);
      return next(call);
    });
    payments.mesh.handle('pay', () => 'paid');
    await payments.mesh.initialize();
    payments.mesh.handle('refund', () => 'refunded');
    const orders = await bed.running({ serviceId: 'orders' });
    const client = orders.mesh.connect('payments');
    expect(await Promise.all([client.call('pay', {}), client.call('refund', {})])).toEqual(['paid', 'refunded']);
    expect(seen).toEqual(['inbound pay', 'inbound refund']);
  });
});

describe('initialize()', () => {
  test('a second time: already_initialized, and the mesh goes on', async () => {
    const { mesh } = await bed.running({ serviceId: 'orders' });
    await expect(mesh.initialize()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'already_initialized' });
    expect((await mesh.healthCheck()).status).toBe('healthy');
  });

  test('twice at once: one wins', async () => {
    const { mesh } = bed.mesh({ serviceId: 'orders' });
    const outcomes = await Promise.allSettled([mesh.initialize(), mesh.initialize()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { reason: 'already_initialized' } });
    expect((await mesh.healthCheck()).status).toBe('healthy');
  });

  test('a port that is in use: port_in_use, and it can be tried again', async () => {
    const first = await bed.running({ serviceId: 'payments' });
    let starts = 0;
    const adapter: ManagedAdapter = { logEvent: () => Promise.resolve(), start: () => Promise.resolve(void starts++) };
    const second = bed.mesh({ serviceId: 'orders', port: first.port, monitoring: { adapters: [adapter] } });
    await expect(second.mesh.initialize()).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'port_in_use',
      message: `port_in_use: something already listens on 127.0.0.1:${first.port}; choose another port, or 0 for any free one`,
    });
    await expect(second.mesh.connect('payments').call('health', {})).rejects.toMatchObject({ reason: 'not_initialized' });
    expect((await second.mesh.healthCheck()).status).toBe('unhealthy');
    expect((await first.mesh.healthCheck()).status).toBe('healthy');

    await first.mesh.close();
    await second.mesh.initialize();
    expect(second.mesh.port).toBe(first.port);
    expect((await second.mesh.healthCheck()).status).toBe('healthy');
    expect(starts).toBe(1);
  });

  test('a host that is not here: listen_failed', async () => {
    const { mesh } = bed.mesh({ serviceId: 'orders', host: '192.0.2.1' });
    await expect(mesh.initialize()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'listen_failed' });
  });

  test('a free port is chosen where the option is 0', async () => {
    const { port } = await bed.running({ serviceId: 'orders' });
    expect(port).toBeGreaterThan(1_023);
    expect(await isFree(port)).toBe(false);
  });
});

describe('names', () => {
  test.each([
    ['health', 'reserved_name'],
    ['', 'invalid_option'],
    ['x'.repeat(256), 'invalid_option'],
    [7, 'invalid_option'],
  ])('handle(%j): %s', (method, reason) => {
    const { mesh } = bed.mesh({ serviceId: 'orders' });
    expect(() => mesh.handle(method as string, () => 1)).toThrow(expect.objectContaining({ reason }));
  });

  test('a handler that is none, and a second one for a method: refused', () => {
    const { mesh } = bed.mesh({ serviceId: 'orders' });
    expect(() => mesh.handle('pay', 'paid' as never)).toThrow(expect.objectContaining({ reason: 'invalid_option' }));
    mesh.handle('pay', () => 1);
    expect(() => mesh.handle('pay', () => 2)).toThrow(expect.objectContaining({ code: 'ALREADY_EXISTS', reason: 'duplicate_handler' }));
  });

  test.each(['', undefined, null, 7, '../../etc/passwd', '__proto__', 'a b', 'x'.repeat(64)])('connect(%j) throws', (serviceId) => {
    const { mesh } = bed.mesh({ serviceId: 'orders' });
    expect(() => mesh.connect(serviceId as string)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', reason: 'invalid_option' }));
  });
});

describe('cleanup()', () => {
  test('lets go of the port; then calls are refused, figures are there, health is unhealthy', async () => {
    const payments = await bed.running({ serviceId: 'payments' });
    payments.mesh.handle('pay', () => 'paid');
    const { mesh, port } = await bed.running({ serviceId: 'orders' });
    const client = mesh.connect('payments');
    await client.call('pay', {});
    await mesh.cleanup();

    expect(await isFree(port)).toBe(true);
    expect(mesh.port).toBeUndefined();
    await expect(client.call('pay', {})).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'mesh_closed', mayHaveRun: false });
    await expect(mesh.connect('another').call('pay', {})).rejects.toMatchObject({ reason: 'mesh_closed' });
    await expect(mesh.initialize()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'mesh_closed' });
    expect(mesh.getStats()).toMatchObject({ sessions: { activeSessions: 0 }, connectedServices: [] });
    expect(await mesh.healthCheck()).toMatchObject({ status: 'unhealthy', services: 0 });
  });

  test('twice, at once or later, is the same as once; close() too', async () => {
    const { mesh, audit } = await bed.running({ serviceId: 'orders' });
    await Promise.all([mesh.cleanup(), mesh.close()]);
    await mesh.cleanup();
    await mesh[Symbol.asyncDispose]();
    expect(audit.having('system.stop')).toHaveLength(1);
  });

  test('of a mesh that was never initialized: nothing to do, and it stays closed', async () => {
    const { mesh } = bed.mesh({ serviceId: 'orders' });
    await mesh.cleanup();
    await expect(mesh.initialize()).rejects.toMatchObject({ reason: 'mesh_closed' });
    expect(mesh.getStats().metrics).toEqual(ZEROS);
    expect((await mesh.healthCheck()).status).toBe('unhealthy');
  });

  test('while initialize() is under way: nothing is left listening or findable', async () => {
    let release: () => void = () => {};
    const registered: string[] = [];
    const provider: DiscoveryProvider = {
      register: async ({ id }) => {
        await new Promise<void>((resolve) => (release = resolve));
        registered.push(id);
      },
      deregister: ({ id }) => Promise.resolve(void registered.splice(registered.indexOf(id), 1)),
      discover: () => Promise.resolve([]),
    };
    const { mesh } = bed.mesh({ serviceId: 'orders', discovery: { provider } });
    const initialized = mesh.initialize();
    await until('it listens', () => mesh.port !== undefined);
    const port = mesh.port as number;
    await mesh.cleanup();
    expect(await isFree(port)).toBe(true);
    release();
    await expect(initialized).rejects.toMatchObject({ reason: 'mesh_closed' });
    expect(registered).toEqual([]);
    expect(mesh.port).toBeUndefined();
  });

  test('at any moment of initialize(): it ends one way or the other', async () => {
    for (const turns of [0, 1, 2, 3, 5, 8, 13, 21]) {
      const { mesh } = bed.mesh({ serviceId: 'orders' });
      const initialized = mesh.initialize().then(
        () => 'initialized',
        (error: unknown) => (error as { reason: string }).reason,
      );
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      await mesh.cleanup();
      expect(['initialized', 'mesh_closed']).toContain(await initialized);
      expect({ turns, port: mesh.port }).toEqual({ turns, port: undefined });
      expect((await mesh.healthCheck()).status).toBe('unhealthy');
    }
  });

  test('waits for the calls in flight, in both directions', async () => {
    const payments = await bed.running({ serviceId: 'payments' });
    const waiting: (() => void)[] = [];
    payments.mesh.handle('slow', async () => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return 'done';
    });
    const orders = await bed.running({ serviceId: 'orders' });
    const call = orders.mesh.connect('payments').call('slow', {});
    await until('the call runs', () => waiting.length === 1);

    let closed = 0;
    const closings = [orders.mesh.cleanup(), payments.mesh.cleanup()].map((closing) => closing.then(() => closed++));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(closed).toBe(0);
    waiting[0]?.();
    expect(await call).toBe('done');
    await Promise.all(closings);
    expect([...orders.audit.having('connection.truncated'), ...payments.audit.having('connection.truncated')]).toEqual([]);
  });

  test('waits no longer than drainMs for a handler that never answers', async () => {
    const payments = await bed.running({ serviceId: 'payments', limits: { drainMs: 200 } });
    let signal: AbortSignal | undefined;
    payments.mesh.handle('never', (_input, context) => {
      signal = context.signal;
      return new Promise(() => {});
    });
    const orders = await bed.running({ serviceId: 'orders' });
    const call = orders.mesh.connect('payments').call('never', {});
    call.catch(() => {});
    await until('the call runs', () => signal !== undefined);
    const startedAt = performance.now();
    await payments.mesh.cleanup();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await expect(call).rejects.toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
    expect(signal?.aborted).toBe(true);
  });

  test('`await using` ends a mesh with its block', async () => {
    let port: number;
    {
      await using mesh = new SecureMesh({ serviceId: 'orders', port: 0, paths: bed.paths });
      await mesh.initialize();
      port = mesh.port as number;
      expect(await isFree(port)).toBe(false);
    }
    expect(await isFree(port)).toBe(true);
  });
});

test('what a probe saw before initialize() is not repeated after it', async () => {
  const health = new HealthMonitor();
  const { mesh } = bed.mesh({ serviceId: 'orders', health });
  health.start();
  expect((await mesh.healthCheck()).status).toBe('unhealthy');
  await mesh.initialize();
  expect((await mesh.healthCheck()).status).toBe('healthy');
  health.stop();
});

test('a health monitor of the user\'s own gets the checks, and has its own back afterwards', async () => {
  const health = new HealthMonitor();
  health.registerCheck({ name: 'database', check: () => ({ status: 'degraded', timestamp: new Date() }) });
  const { mesh } = await bed.running({ serviceId: 'orders', health });
  expect(mesh.health).toBe(health);
  const { status, details } = await mesh.healthCheck();
  expect(status).toBe('degraded');
  expect(Object.keys(details.checks).sort()).toEqual(['audit', 'crypto', 'database', 'discovery', 'mesh-core']);
  const orders = await bed.running({ serviceId: 'other' });
  expect(await orders.mesh.connect('orders').call('health', {})).toEqual({ service: 'orders', status: 'degraded' });
  await mesh.cleanup();
  expect(Object.keys(health.getResults())).toEqual(['database']);
  health.stop();
});
