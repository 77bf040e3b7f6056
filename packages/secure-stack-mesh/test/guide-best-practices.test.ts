// The adapters of the guide's best practices, as they stand there, each in a mesh that is called.
import { afterAll, afterEach, expect, test } from '@jest/globals';
import type { MeshAuditEvent, MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import { guideBlock, Intervals, runGuideBlock } from './support/guide.js';
import { RecordingAdapter } from './support/recording-adapter.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** The class that the block under a best practice declares. */
async function classOf<T extends MonitoringAdapter>(heading: string, name: string, names: Readonly<Record<string, unknown>> = {}): Promise<new () => T> {
  const { [name]: found } = await runGuideBlock(guideBlock('Best Practices', heading), { names, wanted: [name] });
  return found as new () => T;
}

/** Puts the adapter into a mesh that is called `calls` times, and closes it. @returns what another adapter of it got */
async function drive(adapter: MonitoringAdapter, calls: number): Promise<readonly MeshAuditEvent[]> {
  const users = await bed.running({ serviceId: 'user-service', monitoring: { adapters: [adapter] } });
  const orders = await bed.running({ serviceId: 'order-service' });
  users.mesh.handle('getUser', () => ({ name: 'Ada' }));
  const client = orders.mesh.connect('user-service');
  for (let index = 0; index < calls; index++) await client.call('getUser', {});
  // What the mesh itself never says so far: the guide's adapters look for it all the same.
  users.mesh.audit.record({ eventType: 'error', details: { action: 'made.up', success: false, error: 'for the test' } });
  await users.audit.waitFor('made.up');
  await users.mesh.cleanup();
  return users.audit.events;
}

test('1. structured logging: every event, flat', async () => {
  const logged: Record<string, unknown>[] = [];
  const logger = { log: (structured: Record<string, unknown>) => Promise.resolve(void logged.push(structured)) };
  const events = await drive(new (await classOf('Structured Logging', 'StructuredAdapter', { logger }))(), 1);
  expect(logged).toEqual(
    events.map(({ timestamp, eventType, serviceId, details }) => ({
      '@timestamp': timestamp, level: eventType === 'error' ? 'ERROR' : 'INFO', service: serviceId, event_type: eventType, ...details,
    })),
  );
  expect(logged.map(({ action }) => action)).toEqual(expect.arrayContaining(['system.start', 'auth.succeeded', 'message.received', 'made.up', 'system.stop']));
});

test('2. sampling for high-volume services: errors, and about a tenth of the rest', async () => {
  const base = new RecordingAdapter();
  const sampling = new (await classOf<MonitoringAdapter & { baseAdapter: MonitoringAdapter }>('Sampling for High-Volume Services', 'SamplingAdapter'))();
  sampling.baseAdapter = base;
  const events = await drive(sampling, 600);
  expect(events.length).toBeGreaterThan(600);
  expect(base.events.filter(({ eventType }) => eventType === 'error').map(({ details }) => details.action)).toEqual(['made.up']);
  // About 60 of some 607; standard deviation 7: beyond 10 and 130 once in 10^11 runs.
  expect(base.events.length).toBeGreaterThan(10);
  expect(base.events.length).toBeLessThan(130);
});

test('3. alerting on critical events: those and no others', async () => {
  const alerts: Record<string, unknown>[] = [];
  const pagerDuty = { trigger: (alert: Record<string, unknown>) => Promise.resolve(void alerts.push(alert)) };
  await drive(new (await classOf('Alerting on Critical Events', 'AlertingAdapter', { pagerDuty }))(), 3);
  expect(alerts).toEqual([{ severity: 'warning', summary: 'error in user-service', details: { action: 'made.up', success: false, error: 'for the test' } }]);
});

test('4. metrics aggregation: every event is in one aggregate, the last of them at the end', async () => {
  const sent: unknown[] = [];
  const intervals = new Intervals();
  const metricsService = { send: (aggregated: unknown) => Promise.resolve(void sent.push(aggregated)) };
  const names = { metricsService, setInterval: intervals.setInterval };
  const Aggregating = await classOf<MonitoringAdapter & { aggregate: (events: readonly unknown[]) => number }>('Metrics Aggregation', 'AggregatingMetricsAdapter', names);
  Aggregating.prototype.aggregate = (events: readonly unknown[]) => events.length;
  const adapter = new Aggregating();
  expect(intervals.set).toMatchObject([{ ms: 60_000 }]);
  const events = await drive(adapter, 3);
  await intervals.set[0]!.callback();
  expect((sent as number[]).reduce((sum, count) => sum + count, 0)).toBe(events.length);
});
