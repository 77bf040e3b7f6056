import { afterAll, afterEach, expect, test } from '@jest/globals';
import { FakeClock, type HealthStatus } from '@lemur-bookstores/mesh-interface';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

test('each change of a check, and of the overall status, is one system event, however often checks run', async () => {
  const clock = new FakeClock(Date.now());
  const { mesh, audit } = await bed.running({ serviceId: 'orders', clock });
  const database = { status: 'healthy' as HealthStatus, critical: true };
  const at = async (status: HealthStatus): Promise<void> => {
    database.status = status;
    for (let run = 0; run < 3; run++) await mesh.health.runChecks();
  };
  mesh.health.registerCheck({ name: 'database', check: () => ({ status: database.status, timestamp: new Date(0), error: 'db-1 refused' }) });
  for (const status of ['healthy', 'unhealthy', 'degraded', 'healthy'] as const) await at(status);
  await mesh.cleanup();
  const events = audit.events.filter(({ details }) => details.action.startsWith('health.'));
  expect(events.map(({ eventType, details: { action, success, error, metadata } }) => [eventType, action, success, error, metadata])).toEqual(
    ([['unhealthy', 'healthy'], ['degraded', 'unhealthy'], ['healthy', 'degraded']] as const).flatMap(([status, previous]) =>
      ['database', '*'].map((check) => [
        'system',
        status === 'healthy' ? 'health.recovered' : 'health.impaired',
        status === 'healthy',
        status === 'healthy' ? undefined : `unhealthy: ${check === '*' ? 'database' : 'db-1 refused'}`,
        { check, status, previous },
      ]),
    ),
  );
});

test('what is so before initialize() and after cleanup() is none', async () => {
  const { mesh, audit } = bed.mesh({ serviceId: 'orders' });
  expect((await mesh.healthCheck()).status).toBe('unhealthy');
  expect([mesh.started, mesh.ready]).toEqual([false, false]);
  await mesh.initialize();
  expect((await mesh.healthCheck()).status).toBe('healthy');
  expect([mesh.started, mesh.ready]).toEqual([true, true]);
  await mesh.cleanup();
  expect((await mesh.healthCheck()).status).toBe('unhealthy');
  expect([mesh.started, mesh.ready]).toEqual([true, false]);
  expect(audit.events.filter(({ details }) => details.action.startsWith('health.'))).toEqual([]);
});

test('the built-in checks say what they looked at', async () => {
  const clock = new FakeClock(Date.now());
  await bed.running({ serviceId: 'payments' });
  const { mesh } = await bed.running({ serviceId: 'orders', clock });
  await mesh.connect('payments').call('health', {});
  // The event loop is measured in real time, and only while it turns.
  let results = await mesh.health.runChecks();
  while (results['mesh-core']?.details?.['eventLoop'] === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    results = await mesh.health.runChecks();
  }
  expect(results).toMatchObject({
    'mesh-core': { status: 'healthy', details: { listening: true, activeSessions: 1, sessions: { inbound: 0, outbound: 1 }, eventLoop: { meanMs: expect.any(Number), p99Ms: expect.any(Number), maxMs: expect.any(Number) } } },
    crypto: { status: 'healthy', details: { selfTest: 'passed', certificate: { state: 'valid', daysLeft: expect.any(Number) }, staticKey: { ageMs: expect.any(Number), intervalMs: 86_400_000, overdue: false } } },
    discovery: { status: 'healthy', details: { knownServices: 1, lastSuccessAgoMs: expect.any(Number) } },
    audit: { status: 'healthy', details: { adapters: [{ queueFill: expect.any(Number), lastSuccessAt: expect.any(Number), dropped: 0, spilled: 0, spillBytes: 0 }] } },
  });
  expect(JSON.parse(JSON.stringify(results))).toMatchObject({ crypto: { details: { selfTest: 'passed' } } });
});

test('a peer may ask for the whole, or for a part by name', async () => {
  const { mesh: payments } = await bed.running({ serviceId: 'payments' });
  const { mesh } = await bed.running({ serviceId: 'orders' });
  const client = mesh.connect('payments');
  await payments.health.runChecks();
  expect(await client.call('health', {})).toEqual({ service: 'payments', status: 'healthy' });
  expect(await client.call('health', { service: 'audit' })).toEqual({ service: 'payments', part: 'audit', status: 'healthy' });
  for (const service of ['nobody', '__proto__']) {
    await expect(client.call('health', { service })).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'unknown_part', mayHaveRun: expect.any(Boolean) });
  }
  expect((await payments.healthCheck()).status).toBe('healthy');
});
