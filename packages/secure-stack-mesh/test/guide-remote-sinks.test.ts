import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { ConsoleAdapter } from '@lemur-bookstores/adapter-console';
import { DatadogAdapter, type DatadogAdapterOptions } from '@lemur-bookstores/adapter-datadog';
import { ElasticsearchAdapter, type ElasticsearchAdapterOptions } from '@lemur-bookstores/adapter-elasticsearch';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import { AlertingAdapter, type AlertingAdapterOptions } from '@lemur-bookstores/adapter-pagerduty';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { SecureMesh } from '../src/secure-mesh.js';
import { CONTRACT_KEY, DatadogServer, ElasticsearchCluster, PagerDutyServer } from './support/contract-servers.js';
import { guideBlock, runGuideBlock } from './support/guide.js';
import { CapturedProcessOutput } from './support/output.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

/*
 * The guide's blocks with the adapters that are in packages, word for word. What is replaced is the world outside: the address of the user's Elasticsearch by that of a server
 * of the test, and, since the blocks name none, the vendors' own addresses.
 */

const bed = new TestBed();
const API_KEY = 'ddkey0123456789abcdef0123456789a';
beforeAll(() => {
  process.env['MESH_KEYS_DIR'] = bed.paths.keysDir;
  process.env['MESH_RUNTIME_DIR'] = bed.paths.runtimeDir;
  process.env['DD_API_KEY'] = API_KEY;
  process.env['PD_KEY'] = CONTRACT_KEY;
});
afterEach(() => bed.close());
afterAll(() => bed.remove());

const closing = <Server extends { stop(): Promise<void> }>(server: Server): Server => {
  bed.closing({ close: () => server.stop() });
  return server;
};

/** As a constructor of the block's: what is written there, at another address. */
function elsewhere<Options extends object, Adapter>(Adapter: new (options: Options) => Adapter, given: Options[], address: Partial<Options>): unknown {
  return function (options: Options) {
    given.push(options);
    return new Adapter({ ...options, ...address });
  };
}

const actionsOf = (documents: ReturnType<ElasticsearchCluster['documents']>): unknown[] => documents.map(({ source }) => (source['event'] as { action: string }).action);

test('Audit Logging > Debugging Service Interactions: every event is on the console and in Elasticsearch, which can be queried', async () => {
  const cluster = closing(await new ElasticsearchCluster().start());
  const given: ElasticsearchAdapterOptions[] = [];
  const adapters: ElasticsearchAdapter[] = [];
  const Elasticsearch = function (options: ElasticsearchAdapterOptions) {
    given.push(options);
    const adapter = new ElasticsearchAdapter({ ...options, node: cluster.url });
    adapters.push(adapter);
    return adapter;
  };
  const block = guideBlock('Audit Logging', 'Use Cases', 'Debugging Service Interactions');
  const captured = new CapturedProcessOutput();
  let shown: string;
  try {
    const { orderService } = (await runGuideBlock(block, { names: { SecureMesh, ConsoleAdapter, ElasticsearchAdapter: Elasticsearch }, wanted: ['orderService'] })) as { orderService: SecureMesh };
    bed.closing(orderService);
    orderService.handle('order', () => 'taken');
    await orderService.initialize();
    const gateway = await bed.running({ serviceId: 'gateway' });
    expect(await gateway.mesh.connect('order-service').call('order', {})).toBe('taken');
    await orderService.cleanup();
  } finally {
    captured.restore();
    shown = captured.stdout.toString();
  }
  expect(given).toEqual([{ node: 'http://localhost:9200', index: 'mesh-audit-logs' }]);
  const documents = cluster.documents('mesh-audit-logs');
  expect(actionsOf(documents)).toEqual(expect.arrayContaining(['system.start', 'auth.succeeded', 'connection.open', 'message.received', 'system.stop']));
  for (const action of ['system.start', 'message.received', 'system.stop']) expect(shown).toContain(action);
  // "View logs in real-time or query Elasticsearch"
  const asked = new ElasticsearchAdapter({ node: cluster.url, index: 'mesh-audit-logs' });
  let events: MeshAuditEvent[] = [];
  await until('it finds what was logged, at its next refresh', async () => {
    events = [];
    for await (const event of asked.query({ eventType: 'message' })) events.push(event);
    return events.length > 0;
  });
  expect(events).toEqual([expect.objectContaining({ serviceId: 'order-service', targetServiceId: 'gateway', details: expect.objectContaining({ action: 'message.received', success: true }) })]);
  await asked.close();
});

test('Monitoring Stack Example: five adapters on one mesh, each with what it is there for', async () => {
  const [cluster, datadog, pagerDuty] = [closing(await new ElasticsearchCluster().start()), closing(await new DatadogServer({ apiKey: API_KEY }).start()), closing(await new PagerDutyServer({ keys: [CONTRACT_KEY] }).start())];
  const given = { elasticsearch: [] as ElasticsearchAdapterOptions[], datadog: [] as DatadogAdapterOptions[], pagerDuty: [] as AlertingAdapterOptions[] };
  const names = {
    SecureMesh, ConsoleAdapter, FileAdapter,
    ElasticsearchAdapter: elsewhere(ElasticsearchAdapter, given.elasticsearch, { node: cluster.url }),
    DatadogAdapter: elsewhere(DatadogAdapter, given.datadog, { logsUrl: datadog.logsUrl, metricsUrl: datadog.metricsUrl }),
    AlertingAdapter: elsewhere(AlertingAdapter, given.pagerDuty, { url: pagerDuty.url }),
  };
  const folder = join(realpathSync(bed.folder), 'monitoring-stack');
  mkdirSync(folder);
  const before = process.cwd();
  const captured = new CapturedProcessOutput();
  let mesh: SecureMesh;
  try {
    process.chdir(folder);
    ({ mesh } = (await runGuideBlock(guideBlock('Monitoring Stack Example'), { names, wanted: ['mesh'] })) as { mesh: SecureMesh });
    process.chdir(before);
    bed.closing(mesh);
    await mesh.initialize();
    const payments = await bed.running({ serviceId: 'payments' });
    payments.mesh.handle('pay', () => {
      throw new Error('no connection to the database');
    });
    for (let i = 0; i < 5; i++) await expect(mesh.connect('payments').call('pay', {}, { retry: false })).rejects.toMatchObject({ code: 'INTERNAL' });
    await until('the incident is open', () => pagerDuty.events.open.length > 0);
    await mesh.rotateKeys();
    await mesh.cleanup();
  } finally {
    process.chdir(before);
    captured.restore();
  }
  expect(given).toEqual({
    elasticsearch: [{ node: 'http://elasticsearch:9200', index: 'mesh-logs' }],
    datadog: [{ apiKey: API_KEY, service: 'production-service' }],
    pagerDuty: [{ integrationKey: CONTRACT_KEY }],
  });

  const all = ['system.start', 'auth.succeeded', 'message.failed', 'breaker.opened', 'key.rotated', 'system.stop'];
  const inFile = [];
  for await (const { details } of new FileAdapter(join(folder, 'logs', 'audit')).query()) inFile.push(details.action);
  expect(inFile).toEqual(expect.arrayContaining(all));
  // The others have the file's checkpoints besides.
  expect(actionsOf(cluster.documents('mesh-logs'))).toEqual(expect.arrayContaining([...inFile, 'audit.checkpoint']));
  expect(datadog.ids.size).toBe(cluster.count('mesh-logs'));
  expect([...datadog.ids.keys()].sort()).toEqual(cluster.documents('mesh-logs').map(({ id }) => id).sort());
  expect(captured.stdout.toString()).toContain('breaker.opened');

  const [alert, ...others] = [...pagerDuty.events.alerts.values()];
  expect([alert?.dedupKey, alert?.status, others]).toEqual(['mesh/production/production-service/breakerOpen/payments', 'open', []]);
  expect(pagerDuty.events.changes.length).toBe(1);

  for (const lane of mesh.audit.stats().adapters) {
    const { emitted, filtered, delivered, queued, spilled, deadLettered, dropped } = lane;
    expect([lane.adapter, emitted, queued, spilled, deadLettered, dropped]).toEqual([lane.adapter, filtered + delivered, 0, 0, 0, 0]);
  }
}, 60_000);

test.each([
  ['DD_API_KEY', 'apiKey'],
  ['PD_KEY', 'integrationKey'],
])('Monitoring Stack Example: without %s it says which option is missing', async (variable, option) => {
  const value = process.env[variable];
  delete process.env[variable];
  try {
    const names = { SecureMesh, ConsoleAdapter, FileAdapter, ElasticsearchAdapter, DatadogAdapter, AlertingAdapter };
    await expect(runGuideBlock(guideBlock('Monitoring Stack Example'), { names, wanted: ['mesh'] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'invalid_option', message: expect.stringContaining(option) });
  } finally {
    process.env[variable] = value;
  }
});
