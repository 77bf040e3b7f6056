import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { AlertingAdapter } from '@lemur-bookstores/adapter-pagerduty';
import { AlertRulesAdapter } from '@lemur-bookstores/mesh-audit';
import { FakeClock, type AuditEventInput, type AuditLaneStats, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import type { SecureMesh } from '../src/secure-mesh.js';
import { CONTRACT_KEY, PagerDutyServer } from './support/contract-servers.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const KEY = 'mesh/production/orders/breakerOpen/payments';

async function started(): Promise<PagerDutyServer> {
  const server = await new PagerDutyServer({ keys: [CONTRACT_KEY] }).start();
  bed.closing({ close: () => server.stop() });
  return server;
}

/** `orders`, whose calls of `payments` fail for as long as its database is down. */
async function services(adapters: readonly MonitoringAdapter[]): Promise<{ orders: TestMesh; call: () => Promise<unknown>; database: { up: boolean }; breaker: () => string }> {
  const database = { up: false };
  const payments = await bed.running({ serviceId: 'payments' });
  payments.mesh.handle('pay', () => {
    if (!database.up) throw new Error('no connection to the database');
    return 'paid';
  });
  const orders = await bed.running({ serviceId: 'orders', monitoring: { adapters }, resilience: { circuitBreaker: { failureThreshold: 3, successThreshold: 1, timeout: 50 } } });
  const client = orders.mesh.connect('payments');
  return { orders, database, call: () => client.call('pay', {}, { retry: false }), breaker: () => orders.mesh.getStats().metrics.circuitBreakerState };
}

const laneOf = (mesh: SecureMesh, name: string): AuditLaneStats | undefined => mesh.audit.stats().adapters.find(({ adapter }) => adapter === name);

describe('a breaker between two meshes', () => {
  test('that opens, opens one incident, however often it fails again; that closes, resolves it', async () => {
    const pagerDuty = await started();
    const { orders, database, call, breaker } = await services([new AlertingAdapter({ integrationKey: CONTRACT_KEY, url: pagerDuty.url })]);
    for (let i = 0; i < 3; i++) await expect(call()).rejects.toMatchObject({ code: 'INTERNAL' });
    await until('the incident is open', () => pagerDuty.events.open.length > 0);
    expect(pagerDuty.events.open).toEqual([KEY]);
    const alert = pagerDuty.events.alerts.get(KEY);
    expect(alert?.payload).toMatchObject({ severity: 'warning', summary: expect.stringContaining('payments') });

    // Its probes fail: it opens again and again.
    await until('it has opened again', async () => (await call().catch(() => undefined), orders.audit.having('breaker.opened').length >= 3), 20_000);
    expect([pagerDuty.events.open, alert?.opened, alert?.triggers]).toEqual([[KEY], 1, 1]);

    database.up = true;
    await until('the breaker is closed', async () => (await call().catch(() => undefined), breaker() === 'closed'), 20_000);
    await until('the incident is resolved', () => pagerDuty.events.open.length === 0);
    expect(pagerDuty.events.alerts.get(KEY)).toMatchObject({ status: 'resolved', opened: 1, resolves: 1 });
    expect([...pagerDuty.events.alerts.keys()]).toEqual([KEY]);

    await orders.mesh.cleanup();
    const lane = laneOf(orders.mesh, 'pagerduty') as AuditLaneStats;
    expect(lane.emitted).toBe(lane.filtered + lane.delivered);
    // Beside an adapter that takes everything.
    expect(orders.audit.events.length).toBe(lane.emitted);
  });

  test('while PagerDuty is away: told when it is back, and resolved', async () => {
    const pagerDuty = await started();
    await pagerDuty.down();
    const { database, call, breaker } = await services([new AlertingAdapter({ integrationKey: CONTRACT_KEY, url: pagerDuty.url })]);
    for (let i = 0; i < 3; i++) await expect(call()).rejects.toMatchObject({ code: 'INTERNAL' });
    database.up = true;
    await until('the breaker is closed', async () => (await call().catch(() => undefined), breaker() === 'closed'), 20_000);
    await pagerDuty.up();
    await until('the incident was opened and resolved', () => pagerDuty.events.alerts.get(KEY)?.status === 'resolved', 20_000);
    expect(pagerDuty.events.alerts.get(KEY)).toMatchObject({ opened: 1, resolves: 1 });
  });
});

test('as the `notify` of AlertRulesAdapter: one incident for each rule and key, with the words of the alert', async () => {
  const pagerDuty = await started();
  const notify = new AlertingAdapter({ integrationKey: CONTRACT_KEY, url: pagerDuty.url });
  bed.closing({ close: () => notify.close() });
  const rules = new AlertRulesAdapter({
    rules: [
      { name: 'calls-fail', when: { action: 'message.failed' }, threshold: { count: 2, windowMs: 60_000 }, severity: 'critical' },
      { name: 'breaker', when: { eventType: 'circuit_breaker', success: false }, severity: 'warning' },
    ],
    notify,
  });
  const { orders, call } = await services([rules]);
  for (let i = 0; i < 3; i++) await expect(call()).rejects.toMatchObject({ code: 'INTERNAL' });
  await until('both are told', () => pagerDuty.events.open.length === 2);
  const alerts = [...pagerDuty.events.alerts.values()].map(({ dedupKey, payload, triggers }) => [dedupKey, payload.severity, payload.summary, triggers]);
  expect(alerts).toEqual(
    expect.arrayContaining([
      [expect.stringContaining('calls-fail/payments'), 'critical', expect.stringContaining('calls-fail in orders → payments'), 1],
      [expect.stringContaining('breaker/payments'), 'warning', expect.stringContaining('breaker in orders → payments'), 1],
    ]),
  );
  expect(rules.stats).toMatchObject({ waiting: 0, refused: 0 });
  expect(laneOf(orders.mesh, 'alert-rules')).toMatchObject({ deadLettered: 0, dropped: 0 });
});

test('beside it in the list of adapters: what the bound on alerts has held back is told at the end of the mesh', async () => {
  const pagerDuty = await started();
  const pager = new AlertingAdapter({ integrationKey: CONTRACT_KEY, url: pagerDuty.url });
  const denied = new AlertRulesAdapter({ rules: [{ name: 'denied', when: { action: 'auth.denied' }, severity: 'error' }], maxPerMinute: 1, notify: (alert) => pager.notify(alert) });
  const { mesh, log } = await bed.running({ serviceId: 'orders', monitoring: { adapters: [pager, denied] } });
  const deniedTo = (targetServiceId: string): AuditEventInput => ({ eventType: 'connection', targetServiceId, details: { action: 'auth.denied', success: false } });
  for (const peer of ['billing', 'reports']) mesh.audit.record(deniedTo(peer));
  await mesh.audit.flush();
  expect([pagerDuty.events.open.length, denied.stats.waiting]).toEqual([1, 1]);
  await mesh.cleanup();
  expect(pagerDuty.events.open).toEqual([expect.stringContaining('denied/billing'), expect.stringContaining('denied/reports')]);
  expect(denied.stats).toMatchObject({ told: 2, refused: 0 });
  expect(log.filter((line) => /^(warn|error)/.test(line))).toEqual([]);
});

test('what a process left in the spill is told by the next, which is well: it opens and resolves', async () => {
  const pagerDuty = await started();
  await pagerDuty.down();
  const monitoring = (): { adapters: MonitoringAdapter[]; spill: { directory: string }; retryDelayMs: number } => ({ adapters: [new AlertingAdapter({ integrationKey: CONTRACT_KEY, url: pagerDuty.url })], spill: { directory: join(bed.folder, 'spill') }, retryDelayMs: 20 });
  const before = await bed.running({ serviceId: 'orders', monitoring: monitoring() });
  before.mesh.health.registerCheck({ name: 'database', check: () => ({ status: 'unhealthy', error: 'no connection', timestamp: new Date() }) });
  await until('its health is impaired', () => before.audit.having('health.impaired').some(({ details }) => details.metadata?.['check'] === '*'));
  await before.mesh.cleanup();
  await pagerDuty.up();
  await bed.running({ serviceId: 'orders', monitoring: monitoring() });
  await until('the incident is told', () => pagerDuty.events.alerts.size > 0, 20_000);
  await until('the incident is resolved', () => pagerDuty.events.open.length === 0);
  expect(pagerDuty.events.alerts.get('mesh/production/orders/health')).toMatchObject({ opened: 1, status: 'resolved' });
});

test('what a process has left open, the next of the same instance resolves five minutes after its start', async () => {
  const pagerDuty = await started();
  const clock = new FakeClock();
  const pager = (): AlertingAdapter => new AlertingAdapter({ integrationKey: CONTRACT_KEY, url: pagerDuty.url, instance: 'orders-1', clock });
  const before = await services([pager()]);
  before.orders.mesh.health.registerCheck({ name: 'database', check: () => ({ status: 'unhealthy', error: 'no connection', timestamp: new Date() }) });
  for (let i = 0; i < 3; i++) await expect(before.call()).rejects.toMatchObject({ code: 'INTERNAL' });
  const keys = ['breakerOpen/payments', 'health'].map((key) => `mesh/production/orders/${key}/orders-1`);
  await until('both incidents are open', () => pagerDuty.events.open.length === 2);
  expect([...pagerDuty.events.open].sort()).toEqual(keys);
  await before.orders.mesh.cleanup();

  before.database.up = true;
  const { mesh } = await bed.running({ serviceId: 'orders', monitoring: { adapters: [pager()] } });
  expect(await mesh.connect('payments').call('pay', {})).toBe('paid');
  await mesh.audit.flush();
  await clock.advance(299_999);
  expect([...pagerDuty.events.open].sort()).toEqual(keys);
  await clock.advance(1);
  await until('both are resolved', () => pagerDuty.events.open.length === 0);
  expect([...pagerDuty.events.alerts.values()].map(({ opened, resolves }) => [opened, resolves])).toEqual([[1, 1], [1, 1]]);
});
