import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import type { MeshAuditEvent, MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import { SecureMesh } from '../src/secure-mesh.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** A sink that can be away. */
class Sink implements MonitoringAdapter {
  readonly name = 'sink';
  readonly events: MeshAuditEvent[] = [];
  isUp: boolean;

  constructor(isUp: boolean) {
    this.isUp = isUp;
  }

  async logEvent(event: MeshAuditEvent): Promise<void> {
    if (!this.isUp) throw new Error('away');
    this.events.push(event);
  }
}

const withSink = (sink: Sink): SecureMesh =>
  bed.closing(new SecureMesh({ serviceId: 'orders', port: 0, paths: bed.paths, logger: { debug() {}, info() {}, warn() {}, error() {} }, monitoring: { adapters: [sink], spill: true } }));

test('what a sink could not take is on disk when the mesh has closed, and comes first when it runs again', async () => {
  const away = new Sink(false);
  const first = withSink(away);
  await first.initialize();
  // Durable: the spill has synced it, though no sink is there.
  await first.audit.log({ eventType: 'error', details: { action: 'app.refund', success: false, metadata: { orderId: 17 } } });
  await first.cleanup();
  const [lane] = first.getStats().audit!.adapters;
  expect(lane).toMatchObject({ adapter: 'sink', delivered: 0, queued: 0, dropped: 0, deadLettered: 0, spilled: lane!.emitted });
  expect(readdirSync(join(bed.paths.logsDir, 'spill', 'orders'))).toEqual(['sink']);

  const back = new Sink(true);
  const second = withSink(back);
  await second.initialize();
  await until('the second start is delivered', () => back.events.filter(({ details }) => details.action === 'system.start').length === 2);
  // That the check of audit has noticed the sink may have been in time, or not.
  const others = back.events.filter(({ eventType, details }) => eventType !== 'key_rotation' && !details.action.startsWith('health.'));
  expect(others.map(({ details }) => details.action)).toEqual(['audit.start', 'system.start', 'app.refund', 'system.stop', 'audit.stop', 'audit.start', 'system.start']);
  expect(others[2]).toMatchObject({ serviceId: 'orders', timestamp: expect.any(Date), details: { metadata: { orderId: 17 } } });
  expect(second.getStats().audit!.adapters[0]).toMatchObject({ recovered: lane!.spilled, spilled: 0, dropped: 0, deadLettered: 0 });
});

test('calls go on while a sink is away, health says so, and nothing is lost when it comes back', async () => {
  const sink = new Sink(false);
  const orders = withSink(sink);
  const payments = await bed.running({ serviceId: 'payments' });
  payments.mesh.handle('pay', (input) => input);
  await orders.initialize();
  const client = orders.connect('payments');
  for (let i = 0; i < 300; i++) expect(await client.call('pay', { i })).toEqual({ i });
  await until('the spill is in use', () => orders.getStats().audit!.adapters[0]!.spilled > 0);
  // Not the answer that it found when the mesh started.
  await orders.health.runCheck('audit');
  const { status, checks } = await orders.health.health(1_000);
  expect(status).toBe('healthy');
  expect(checks['audit']).toMatchObject({ status: 'degraded', error: expect.stringMatching(/sink takes nothing, \d+ event\(s\) in a spill/) });
  sink.isUp = true;
  await orders.audit.flush();
  expect(sink.events.map(({ sequence }) => sequence)).toEqual(sink.events.map((_event, index) => index + 1));
  expect(sink.events.filter(({ details }) => details.action === 'message.sent')).toHaveLength(300);
  expect(orders.getStats().audit!.adapters[0]).toMatchObject({ queued: 0, spilled: 0, dropped: 0, deadLettered: 0 });
});
