import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, type ManagedAdapter, type MeshAuditEvent, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const CALLS = 200;

/** Two services; the caller has a bad adapter beside a good one, and a clock of its own, so that no test waits for an adapter's deadline. */
async function withAdapter(adapter: MonitoringAdapter) {
  const payments = await bed.running({ serviceId: 'payments' });
  payments.mesh.handle('pay', (input) => input);
  const clock = new FakeClock(Date.now());
  const orders = bed.mesh({ serviceId: 'orders', clock, identity: { local: true }, monitoring: { adapters: [adapter] } });
  await orders.mesh.initialize();
  const close = async (): Promise<void> => {
    let closed = false;
    const closing = orders.mesh.cleanup().then(() => (closed = true));
    // The flush at close is bounded by 5 s, an adapter's close() by 10 s more.
    while (!closed) await clock.advance(100);
    await closing;
  };
  bed.closing({ close });
  return { ...orders, client: orders.mesh.connect('payments'), close };
}

const failing: readonly [string, () => MonitoringAdapter][] = [
  ['never answers', () => ({ logEvent: () => new Promise(() => {}) })],
  ['throws', () => ({ logEvent: () => { throw new Error('no disk'); } })],
  ['rejects', () => ({ logEvent: () => Promise.reject(new Error('no network')) })],
  ['rejects with nothing', () => ({ logEvent: () => Promise.reject(undefined) })],
  ['returns no promise', () => ({ logEvent: () => undefined as never })],
  ['takes a second for each event', () => ({ logEvent: () => new Promise<void>((resolve) => setTimeout(resolve, 1_000).unref()) })],
  ['tries to change the event', () => ({ logEvent: (event) => Promise.resolve(void ((event as { serviceId: string }).serviceId = 'forged')) })],
  ['never starts', () => ({ logEvent: () => Promise.resolve(), start: () => new Promise(() => {}) }) as ManagedAdapter],
  ['cannot start', () => ({ logEvent: () => Promise.resolve(), start: () => Promise.reject(new Error('no config')) }) as ManagedAdapter],
  ['never flushes or closes', () => ({ logEvent: () => Promise.resolve(), flush: () => new Promise(() => {}), close: () => new Promise(() => {}) }) as ManagedAdapter],
];

describe('an adapter that', () => {
  test.each(failing)('%s delays neither a call nor another adapter', async (_name, make) => {
    const { mesh, client, audit, close } = await withAdapter(make());
    const startedAt = performance.now();
    for (let i = 0; i < CALLS; i++) expect(await client.call('pay', { i })).toEqual({ i });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    await until('the other adapter has every event', () => audit.having('message.sent').length === CALLS);
    expect(mesh.getStats().metrics).toMatchObject({ messagesSent: CALLS, messagesFailed: 0 });
    expect(audit.events.map(({ sequence }) => sequence)).toEqual(audit.events.map((_event, index) => index + 1));
    expect(audit.events.every(({ serviceId }) => serviceId === 'orders')).toBe(true);

    await close();
    const { emitted, adapters } = mesh.audit.stats();
    for (const lane of adapters) {
      expect(lane.emitted).toBe(emitted);
      expect(lane.filtered + lane.delivered + lane.queued + lane.spilled + lane.deadLettered + lane.dropped).toBe(emitted);
    }
  }, 15_000);
});

describe('monitoring', () => {
  const counting = (): MonitoringAdapter & { events: MeshAuditEvent[] } => {
    const events: MeshAuditEvent[] = [];
    return { events, logEvent: (event) => Promise.resolve(void events.push(event)) };
  };

  test('enabled: false stops the delivery of events and nothing else', async () => {
    const adapter = counting();
    const payments = await bed.running({ serviceId: 'payments', monitoring: { enabled: false, adapters: [adapter] } });
    payments.mesh.handle('pay', () => 'paid');
    const orders = await bed.running({ serviceId: 'orders' });
    expect(await orders.mesh.connect('payments').call('pay', {})).toBe('paid');
    expect(payments.mesh.getStats().metrics).toMatchObject({ messagesReceived: 1, connectionsSuccessful: 1 });
    expect((await payments.mesh.healthCheck()).status).toBe('healthy');
    await payments.mesh.cleanup();
    expect(adapter.events).toEqual([]);
    expect(payments.audit.events).toEqual([]);
    expect(payments.mesh.getStats().audit).toMatchObject({ emitted: 0 });
  });

  test('events: only these types reach adapters', async () => {
    const adapter = counting();
    const payments = await bed.running({ serviceId: 'payments', monitoring: { events: ['connection'], adapters: [adapter] } });
    payments.mesh.handle('pay', () => 'paid');
    const orders = await bed.running({ serviceId: 'orders' });
    await orders.mesh.connect('payments').call('pay', {});
    await payments.mesh.cleanup();
    expect(new Set(adapter.events.map(({ eventType }) => eventType))).toEqual(new Set(['connection']));
  });

  test('events tell what happened, without payloads', async () => {
    const adapter = counting();
    const payments = await bed.running({ serviceId: 'payments', monitoring: { adapters: [adapter] } });
    payments.mesh.handle('pay', () => ({ receipt: 'r3ceipt-s3cret' }));
    const orders = await bed.running({ serviceId: 'orders', monitoring: { adapters: [adapter] } });
    await orders.mesh.connect('payments').call('pay', { card: 'c4rd-s3cret' }, { metadata: { token: 't0ken-s3cret' } });
    await orders.mesh.cleanup();
    await payments.mesh.cleanup();

    expect(adapter.events.map(({ serviceId, eventType, targetServiceId, details }) => `${serviceId} ${eventType} ${targetServiceId ?? '-'} ${details.action}`).sort()).toEqual(
      [
        'orders connection payments auth.succeeded',
        'orders connection payments connection.close',
        'orders connection payments connection.open',
        'orders key_rotation - key.activated',
        'orders key_rotation - key.activated',
        'orders key_rotation - key.retired',
        'orders key_rotation - key.retired',
        'orders key_rotation payments key.activated',
        'orders key_rotation payments key.retired',
        'orders message payments message.sent',
        'orders system - audit.start',
        'orders system - audit.stop',
        'orders system - system.start',
        'orders system - system.stop',
        'payments connection orders auth.succeeded',
        'payments connection orders connection.close',
        'payments connection orders connection.open',
        'payments key_rotation - key.activated',
        'payments key_rotation - key.activated',
        'payments key_rotation - key.retired',
        'payments key_rotation - key.retired',
        'payments key_rotation orders key.activated',
        'payments key_rotation orders key.retired',
        'payments message orders message.received',
        'payments system - audit.start',
        'payments system - audit.stop',
        'payments system - system.start',
        'payments system - system.stop',
      ].sort(),
    );
    expect(JSON.stringify(adapter.events)).not.toContain('s3cret');
    expect(new Set(adapter.events.map(({ id }) => id)).size).toBe(adapter.events.length);
  });
});
