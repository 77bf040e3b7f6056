import { Client } from '@elastic/elasticsearch';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ElasticsearchAdapter } from '../src/elasticsearch-adapter.js';
import type { ElasticsearchAdapterOptions } from '../src/elasticsearch-adapter-options.js';
import { indexTemplate } from '../src/index-template.js';
import { resolveElasticsearchOptions } from '../src/elasticsearch-adapter-options.js';
import { startElasticsearchContract, type ElasticsearchContract, type ElasticsearchContractOptions } from './support/elasticsearch-contract.js';
import { allOf, eventOf, eventsOf, open, rejectionOf } from './support/events.js';
import { RecordedLog } from './support/recorded-log.js';

const STREAM = 'logs-mesh.audit-test';
const logger = new RecordedLog();
let cluster: ElasticsearchContract;
let adapters: ElasticsearchAdapter[] = [];
const start = async (options: ElasticsearchContractOptions = {}): Promise<void> => void (cluster = await startElasticsearchContract(options));
afterEach(async () => {
  for (const adapter of adapters) await adapter.close();
  adapters = [];
  logger.warnings.length = 0;
  await cluster.stop();
});

const adapterOf = (options: Partial<ElasticsearchAdapterOptions> = {}): ElasticsearchAdapter => {
  const adapter = new ElasticsearchAdapter({ node: cluster.url, index: STREAM, dataStream: true, logger, ...options });
  adapters.push(adapter);
  return adapter;
};
const ask = async (method: string, path: string, body?: unknown): Promise<unknown> =>
  (await fetch(cluster.url + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) })).json();
const requested = (): string[] => cluster.nodes[0]!.log.map(({ method, path }) => `${method} ${path.split('?')[0]}`);

describe('before the first events', () => {
  test('template, data stream and lifecycle are put in place and read back', async () => {
    await start();
    const adapter = adapterOf({ retention: 30 });
    await adapter.logEvents(eventsOf(2), open);
    expect(logger.warnings).toEqual([]);
    expect(await ask('GET', `/_data_stream/${STREAM}/_lifecycle`)).toMatchObject({ data_streams: [{ lifecycle: { enabled: true, data_retention: '30d', effective_retention: '30d' } }] });
    expect(await ask('GET', `/_index_template/secure-stack-mesh-${STREAM}`)).toMatchObject({ index_templates: [{ index_template: { priority: 300, data_stream: {}, template: { lifecycle: { data_retention: '30d' } } } }] });
    expect(cluster.count(STREAM)).toBe(2);
    expect(requested().filter((request) => request.includes('_index_template') || request.includes('_lifecycle'))).toEqual([
      `GET /_index_template/secure-stack-mesh-${STREAM}`, `PUT /_index_template/secure-stack-mesh-${STREAM}`, `GET /_index_template/secure-stack-mesh-${STREAM}`, `GET /_data_stream/${STREAM}/_lifecycle`,
      `GET /_data_stream/${STREAM}/_lifecycle`, `GET /_index_template/secure-stack-mesh-${STREAM}`,
    ]);
  });

  test('a template that is there already is not put again', async () => {
    await start();
    await adapterOf({ retention: 30 }).logEvent(eventOf());
    const before = requested().length;
    await adapterOf({ retention: 30 }).logEvent(eventOf());
    expect(requested().slice(before).filter((request) => request.startsWith('PUT') && !request.includes('_data_stream'))).toEqual([]);
    expect(logger.warnings).toEqual([]);
  });

  test('the lifecycle of a data stream that is there already is set', async () => {
    await start();
    await adapterOf().logEvent(eventOf());
    await adapterOf({ retention: 7 }).logEvent(eventOf());
    expect(await ask('GET', `/_data_stream/${STREAM}/_lifecycle`)).toMatchObject({ data_streams: [{ lifecycle: { data_retention: '7d' } }] });
    expect(logger.warnings).toEqual([]);
  });

  test('a lifecycle that is switched off is said', async () => {
    await start();
    await adapterOf({ retention: 30 }).logEvent(eventOf());
    await ask('PUT', `/_data_stream/${STREAM}/_lifecycle`, { data_retention: '30d', enabled: false });
    await adapterOf({ retention: 30 }).logEvent(eventOf());
    expect(logger.warnings).toEqual([expect.stringContaining('is switched off: nothing is deleted')]);
  });

  test('a policy of index lifecycle management that goes before the retention is said', async () => {
    await start();
    await ask('PUT', '/_ilm/policy/keep', { policy: { phases: { hot: { actions: {} } } } });
    await ask('PUT', '/_index_template/mine', { index_patterns: [STREAM], priority: 500, data_stream: {}, template: { settings: { index: { lifecycle: { name: 'keep' } } } } });
    await ask('PUT', `/_data_stream/${STREAM}`);
    await adapterOf({ retention: 30, template: false }).logEvent(eventOf());
    expect(logger.warnings).toEqual(expect.arrayContaining([expect.stringContaining('is managed by the ILM policy keep, and not by its own lifecycle: the retention of 30 days has no effect')]));
  });

  test('events that go over a network in the clear are said, once, however often that is tried', async () => {
    await start();
    // An address of this machine, and none that says so.
    const adapter = adapterOf({ node: cluster.url.replace('127.0.0.1', '0.0.0.0') });
    await cluster.down();
    for (let times = 0; times < 2; times++) expect(await rejectionOf(adapter.logEvents(eventsOf(1), open))).toMatchObject({ retryable: true });
    expect(logger.warnings).toEqual([expect.stringMatching(/^events go to Elasticsearch at http:\/\/0\.0\.0\.0:\d+ in the clear: use https$/)]);
  });

  test('a shorter maximum of the cluster is said, once', async () => {
    await start({ retentionMax: '30d' });
    const adapter = adapterOf({ retention: 365 });
    for (let times = 0; times < 3; times++) await adapter.logEvent(eventOf());
    expect(logger.warnings).toEqual([expect.stringMatching(/events are kept for 30d, not 365d \(max_global_retention\)/)]);
  });

  test('who may write events and nothing else is told what is missing, and the events are stored', async () => {
    await start({ access: { apiKeys: ['mesh:secret-7f3c9a1e'], privileges: ['create_doc', 'auto_configure'] } });
    const adapter = adapterOf({ retention: 30, auth: { apiKey: Buffer.from('mesh:secret-7f3c9a1e').toString('base64') } });
    // Somebody else has put the template.
    await adapter.logEvents(eventsOf(2), open).catch(() => undefined);
    expect(logger.warnings).toEqual(expect.arrayContaining([expect.stringMatching(/the index template .* could not be put in place \(403: .*unauthorized/), expect.stringMatching(/cannot be read \(403/)]));
    expect(logger.warnings.join()).not.toContain('secret-7f3c9a1e');
  });

  test('who may write events and not read any sends again what is in doubt: its id decides', async () => {
    await start({ access: { users: { boss: 'boss-password', writer: { password: 'writer-password', privileges: ['create_doc', 'auto_configure'] } } } });
    await adapterOf({ auth: { username: 'boss', password: 'boss-password' } }).logEvent(eventOf());
    const adapter = adapterOf({ auth: { username: 'writer', password: 'writer-password' } });
    await adapter.logEvent(eventOf());
    const events = eventsOf(3);
    cluster.nodes[0]!.faults.failNext('reset-after');
    expect(await rejectionOf(adapter.logEvents(events, open))).toMatchObject({ reason: 'adapter_failed', retryable: true });
    await adapter.logEvents(events, open);
    expect([cluster.count(STREAM), cluster.duplicates]).toEqual([5, []]);
  });

  test('wrong credentials are an error that is not retried', async () => {
    await start({ access: { apiKeys: ['mesh:secret-7f3c9a1e'] } });
    const error = await rejectionOf(adapterOf({ auth: { apiKey: Buffer.from('mesh:wrong-key-123').toString('base64') } }).logEvents(eventsOf(2), open));
    expect(error).toMatchObject({ reason: 'sink_unauthenticated', code: 'UNAUTHENTICATED', retryable: false });
    // At the first request: nothing is said to be missing for it.
    expect([cluster.requests, logger.warnings]).toEqual([1, []]);
  });

  test('a server that is down is a retryable error; when it is up everything is put in place', async () => {
    await start();
    await cluster.down();
    const adapter = adapterOf({ retention: 30 });
    const events = eventsOf(2);
    expect(await rejectionOf(adapter.logEvents(events, open))).toMatchObject({ reason: 'adapter_failed', retryable: true });
    await cluster.up();
    await adapter.logEvents(events, open);
    expect(cluster.count(STREAM)).toBe(2);
    expect(await ask('GET', `/_data_stream/${STREAM}/_lifecycle`)).toMatchObject({ data_streams: [{ lifecycle: { data_retention: '30d' } }] });
  });

  test('what is in place is left alone when a later step fails and is tried again', async () => {
    await start({ faults: { rate: 0.7, kinds: ['503'], seed: 19 } });
    const adapter = adapterOf({ retention: 30 });
    const events = eventsOf(2);
    let failures = 0;
    while ((await adapter.logEvents(events, open).then(() => 'stored', () => 'failed')) === 'failed' && failures < 200) failures += 1;
    const STEPS = [/_index_template/, /^PUT .*_data_stream\/[^/]+$/, /_(mapping|settings)/, /_lifecycle/, /^GET .*_data_stream\/[^/]+$/];
    const all = requested();
    const taken = all.slice(0, all.findIndex((request) => request.includes('_bulk'))).map((request) => STEPS.findIndex((step) => step.test(request)));
    expect(taken).toEqual([...taken].sort());
    // Each step before the events had to be tried again.
    for (const step of [0, 1, 2, 3, 4]) expect(taken.filter((each) => each === step).length).toBeGreaterThan(1);
    expect(logger.warnings).toEqual([]);
  });

  test('an index of another mapping is said', async () => {
    await start();
    await ask('PUT', '/mesh-audit', { mappings: { properties: { '@timestamp': { type: 'date' }, message: { type: 'keyword' } } } });
    await adapterOf({ index: 'mesh-audit', dataStream: false }).logEvent(eventOf());
    expect(logger.warnings).toEqual([expect.stringMatching(/mesh-audit has another mapping, .*properties\.message\.type is "keyword", not "text"/)]);
  });

  test('a data stream that is taken for an index, and an index for a data stream, are said', async () => {
    await start();
    await adapterOf().logEvent(eventOf());
    await adapterOf({ dataStream: false, template: false }).logEvent(eventOf());
    await ask('PUT', '/mesh-plain', {});
    await adapterOf({ index: 'mesh-plain', template: false }).logEvent(eventOf());
    expect(logger.warnings).toEqual(expect.arrayContaining([expect.stringContaining(`${STREAM} is a data stream: set dataStream: true`), expect.stringContaining('mesh-plain is an index, and no data stream')]));
  });

  test('template: false puts nothing', async () => {
    await start();
    await adapterOf({ index: 'mesh-audit', dataStream: false, template: false }).logEvent(eventOf());
    expect(requested().filter((request) => request.startsWith('PUT'))).toEqual([]);
  });
});

test('a client of the user\'s own is used as it is, compressed answers and all, and never closed', async () => {
  await start({ access: { apiKeys: ['mesh:secret-7f3c9a1e'] } });
  const client = new Client({ node: cluster.url, auth: { apiKey: Buffer.from('mesh:secret-7f3c9a1e').toString('base64') }, compression: true });
  const adapter = new ElasticsearchAdapter({ client, index: STREAM, dataStream: true, logger });
  const events = eventsOf(3, { metadata: JSON.parse('{"__proto__":{"constructor":1}}') as Record<string, unknown> });
  await adapter.logEvents(events, open);
  await client.indices.refresh({ index: STREAM });
  expect((await allOf(adapter.query())).map((event) => JSON.stringify(event))).toEqual(events.map((event) => JSON.stringify(event)));
  await adapter.close();
  expect(await client.count({ index: STREAM })).toMatchObject({ count: 3 });
  await client.close();
});

test('the template is as asked', () => {
  const settings = resolveElasticsearchOptions({ node: 'http://127.0.0.1', index: STREAM, dataStream: true, retention: 90, template: { name: 'mine', priority: 500, shards: 3, replicas: 2 } });
  expect(indexTemplate(settings)).toMatchObject({
    index_patterns: [STREAM], data_stream: {}, priority: 500,
    template: { settings: { index: { mode: 'standard', translog: { durability: 'request' }, number_of_shards: 3, number_of_replicas: 2 } }, mappings: { dynamic: 'false' }, lifecycle: { data_retention: '90d' } },
  });
  expect(settings.template).toMatchObject({ name: 'mine' });
  expect(indexTemplate(resolveElasticsearchOptions({ node: 'http://127.0.0.1', index: 'mesh-audit' }))).not.toHaveProperty('data_stream');
});
