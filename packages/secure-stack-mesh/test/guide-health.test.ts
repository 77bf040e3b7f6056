import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { FakeClock, type MeshHealth } from '@lemur-bookstores/mesh-interface';
import type { HealthMonitor } from '@lemur-bookstores/mesh-health';
import { SecureMesh } from '../src/secure-mesh.js';
import { ExpressStandIn, guideBlock, runGuideBlock } from './support/guide.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
beforeAll(() => {
  process.env['MESH_KEYS_DIR'] = bed.paths.keysDir;
  process.env['MESH_RUNTIME_DIR'] = bed.paths.runtimeDir;
});
afterEach(() => bed.close());
afterAll(() => bed.remove());

test('Health Monitoring > Configuration: initialized, with the checks that the comment names', async () => {
  const block = guideBlock('Health Monitoring', 'Configuration');
  const { mesh } = (await runGuideBlock(block, { names: { SecureMesh }, wanted: ['mesh'] })) as { mesh: SecureMesh };
  bed.closing(mesh);
  expect(mesh.port).toBeGreaterThan(0);

  const named = [...block.matchAll(/^\/\/ - ([\w-]+):/gm)].map(([, name]) => name as string);
  expect(named).toEqual(['mesh-core', 'crypto', 'discovery']);
  const health = await mesh.healthCheck();
  expect(health).toMatchObject({ status: 'healthy', services: 0 });
  for (const name of named) expect(health.details.checks[name]).toMatchObject({ status: 'healthy', timestamp: expect.any(Date) });
});

test('Health Monitoring > Custom Health Checks: the user\'s own monitor, imported from the package', async () => {
  let up = true;
  const db = { ping: () => (up ? Promise.resolve() : Promise.reject(new Error('connection refused'))) };
  const { healthMonitor } = (await runGuideBlock(guideBlock('Health Monitoring', 'Custom Health Checks'), { names: { db }, wanted: ['healthMonitor'] })) as { healthMonitor: HealthMonitor };
  const { mesh } = await bed.running({ serviceId: 'my-service', health: healthMonitor });
  await until('the database was looked at', () => healthMonitor.getResults()['database']?.status === 'healthy');
  expect((await mesh.healthCheck()).status).toBe('healthy');
  up = false;
  await healthMonitor.runChecks();
  expect(await mesh.healthCheck()).toMatchObject({ status: 'unhealthy', details: { checks: { database: { status: 'unhealthy', error: 'connection refused' } } } });
  healthMonitor.stop();
});

test('Use Cases > Kubernetes Liveness Probe: 200 while it is healthy, 503 when it is not', async () => {
  const app = new ExpressStandIn();
  const { mesh } = await bed.running({ serviceId: 'my-service' });
  await runGuideBlock(guideBlock('Health Monitoring', 'Use Cases', 'Kubernetes Liveness Probe'), { modules: { express: () => app }, names: { mesh } });
  expect(app.listening).toEqual([8080]);
  const live = await app.request('/health/live');
  expect(live.code).toBe(200);
  expect(live.body as MeshHealth).toMatchObject({ status: 'healthy', services: 0, details: { checks: { crypto: { status: 'healthy' } }, metrics: { messagesSent: 0 } } });
  await mesh.cleanup();
  const dead = await app.request('/health/live');
  expect(dead.code).toBe(503);
  expect(dead.body as MeshHealth).toMatchObject({ status: 'unhealthy', services: 0 });
});

test('Use Cases > Kubernetes Liveness Probe: a sink that is down for ten minutes leaves it at 200', async () => {
  const app = new ExpressStandIn();
  const clock = new FakeClock(Date.now());
  let tries = 0;
  const down = {
    logEvent: () => {
      tries++;
      return Promise.reject(new Error('connection refused'));
    },
  };
  const { mesh } = await bed.running({ serviceId: 'my-service', clock, monitoring: { adapters: [down] } });
  await runGuideBlock(guideBlock('Health Monitoring', 'Use Cases', 'Kubernetes Liveness Probe'), { modules: { express: () => app }, names: { mesh } });
  let [looks, worst] = [0, 'healthy'];
  for (let minute = 0; minute < 10; minute++) {
    mesh.audit.record({ eventType: 'system', details: { action: 'test.happened', success: true } });
    for (let step = 0; step < 6; step++) {
      await clock.advance(10_000);
      const { code, body } = await app.request('/health/live');
      expect(code).toBe(200);
      const audit = (body as MeshHealth).details.checks['audit'];
      if (audit?.status !== 'healthy') worst = audit?.status ?? worst;
      looks++;
    }
  }
  expect([looks, worst === 'healthy', tries > 10]).toEqual([60, false, true]);
  // The sink is given up by this clock, too.
  let closed = false;
  void mesh.cleanup().then(() => (closed = true));
  while (!closed) await clock.advance(1_000);
}, 20_000);

test('Use Cases > Readiness Probe: ready once every service it needs is connected, without a call', async () => {
  const app = new ExpressStandIn();
  const made = bed.mesh({ serviceId: 'my-service' });
  const { mesh } = made;
  mesh.connect('user-service');
  mesh.connect('payment-service');
  await runGuideBlock(guideBlock('Health Monitoring', 'Use Cases', 'Readiness Probe'), { names: { app, mesh, expectedServices: 2 } });
  const notReady = { code: 503, body: { ready: false, reason: 'dependencies not ready' } };
  expect(await app.request('/health/ready')).toMatchObject(notReady);
  await mesh.initialize();
  expect(await app.request('/health/ready')).toMatchObject(notReady);
  await bed.running({ serviceId: 'user-service' });
  const payments = await bed.running({ serviceId: 'payment-service' });
  await until('both are connected', () => mesh.getStats().connectedServices.length === 2);
  expect(await app.request('/health/ready')).toMatchObject({ code: 200, body: { ready: true } });
  await payments.mesh.cleanup();
  await until('one is gone', () => mesh.getStats().connectedServices.length === 1);
  expect(await app.request('/health/ready')).toMatchObject(notReady);
});

describe('Use Cases > Service Mesh Health', () => {
  const checkWith = async (mesh: SecureMesh): Promise<unknown> => {
    const { checkMeshHealth } = (await runGuideBlock(guideBlock('Health Monitoring', 'Use Cases', 'Service Mesh Health'), { names: { mesh }, wanted: ['checkMeshHealth'] })) as {
      checkMeshHealth: () => Promise<unknown>;
    };
    return checkMeshHealth();
  };

  test('every service answers the built-in method health', async () => {
    for (const serviceId of ['user-service', 'order-service', 'payment-service']) await bed.running({ serviceId });
    const { mesh } = await bed.running({ serviceId: 'my-service' });
    expect(await checkWith(mesh)).toEqual(['user-service', 'order-service', 'payment-service'].map((service) => ({ service, healthy: true })));
  });

  test('one that is not there is told from those that are', async () => {
    await bed.running({ serviceId: 'user-service' });
    await bed.running({ serviceId: 'payment-service' });
    const { mesh } = await bed.running({ serviceId: 'my-service' });
    expect(await checkWith(mesh)).toEqual([
      { service: 'user-service', healthy: true },
      { service: 'order-service', healthy: false, error: expect.objectContaining({ code: 'NOT_FOUND', reason: 'unknown_service' }) },
      { service: 'payment-service', healthy: true },
    ]);
  });
});
