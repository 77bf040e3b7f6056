import { afterEach, expect, jest, test } from '@jest/globals';
import { Client, errors } from '@elastic/elasticsearch';
import { type ElasticsearchContract, type ElasticsearchContractOptions, startElasticsearchContract } from './support/elasticsearch-contract.js';

// What the real server of the tests cannot show: `GET /`, `_data_stream`, its lifecycle, `_ilm`, API keys, several nodes, faults. elasticsearch-comparison.test.ts compares the rest with it.
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function cluster(options?: ElasticsearchContractOptions): Promise<ElasticsearchContract> {
  const contract = await startElasticsearchContract(options);
  closing.push(() => contract.stop());
  return contract;
}

function clientOf({ urls }: ElasticsearchContract, options: ConstructorParameters<typeof Client>[0] = {}): Client {
  const client = new Client({ nodes: [...urls], maxRetries: 0, compression: true, ...options });
  closing.push(() => client.close());
  return client;
}

const STREAM = 'logs-mesh.audit-test';
const putTemplate = (client: Client): Promise<unknown> =>
  client.indices.putIndexTemplate({ name: 'mesh-audit', index_patterns: ['logs-mesh.audit-*'], priority: 500, data_stream: {}, template: { lifecycle: { data_retention: '365d' } } });
const create = (client: Client, ids: readonly string[]) =>
  client.bulk({ index: STREAM, operations: ids.flatMap((_id) => [{ create: { _id } }, { '@timestamp': '2026-01-01T00:00:00.000Z', message: _id }]) });
const statuses = ({ items }: Awaited<ReturnType<typeof create>>): (number | undefined)[] => items.map((item) => item.create?.status);
const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `id-${i}`);

test('the official client takes it for Elasticsearch 8.19', async () => {
  const client = clientOf(await cluster());
  expect((await client.info()).version.number).toMatch(/^8\.19\./);
  await client.helpers.bulk({ datasource: [{ '@timestamp': '2026-01-01' }], onDocument: () => ({ create: { _index: 'mesh-plain' } }) });
  await client.indices.refresh({ index: 'mesh-plain' });
  expect((await client.count({ index: 'mesh-plain' })).count).toBe(1);
});

test('a data stream is made by its first event, shown with its lifecycle, and deleted', async () => {
  const client = clientOf(await cluster());
  await expect(client.indices.createDataStream({ name: STREAM })).rejects.toThrow('no matching index template found for data stream');
  await putTemplate(client);
  expect(statuses(await create(client, ['a']))).toEqual([201]);
  const { data_streams: [shown] } = await client.indices.getDataStream({ name: STREAM });
  expect(shown).toMatchObject({ name: STREAM, generation: 1, template: 'mesh-audit', timestamp_field: { name: '@timestamp' }, lifecycle: { enabled: true, data_retention: '365d', effective_retention: '365d', retention_determined_by: 'data_stream_configuration' } });
  await client.indices.deleteDataStream({ name: STREAM });
  await expect(client.indices.getDataStream({ name: STREAM })).rejects.toMatchObject({ statusCode: 404 });
  expect((await client.indices.getDataStream({ name: 'logs-*' })).data_streams).toEqual([]);
});

test('the maximum of the cluster overrides the retention that is asked for', async () => {
  const client = clientOf(await cluster({ retentionMax: '30d' }));
  await putTemplate(client);
  await create(client, ['a']);
  const { warnings } = await client.indices.putDataLifecycle({ name: STREAM, data_retention: '90d' }, { meta: true });
  expect(warnings?.[0]).toContain('The max retention [30d] will be applied');
  expect((await client.indices.getDataLifecycle({ name: STREAM })).data_streams[0]?.lifecycle).toMatchObject({ data_retention: '90d', effective_retention: '30d', retention_determined_by: 'max_global_retention' });
  await client.indices.putDataLifecycle({ name: STREAM, data_retention: '7d' });
  expect((await client.indices.getDataLifecycle({ name: STREAM })).data_streams[0]?.lifecycle).toMatchObject({ effective_retention: '7d' });
});

test('a policy of index lifecycle management is put and read', async () => {
  const client = clientOf(await cluster());
  await expect(client.ilm.getLifecycle({ name: 'mesh' })).rejects.toMatchObject({ statusCode: 404 });
  await client.ilm.putLifecycle({ name: 'mesh', policy: { phases: { delete: { min_age: '365d', actions: { delete: {} } } } } });
  expect((await client.ilm.getLifecycle({ name: 'mesh' })).mesh?.policy.phases.delete?.min_age).toBe('365d');
});

test('an id is unique in a backing index alone: across a rollover it is created twice', async () => {
  const contract = await cluster({ rolloverEvery: 2 });
  const client = clientOf(contract);
  await putTemplate(client);
  expect(statuses(await create(client, ['a', 'b']))).toEqual([201, 201]);
  expect(statuses(await create(client, ['a', 'c']))).toEqual([201, 201]);
  expect(statuses(await create(client, ['c']))).toEqual([201]);
  expect(statuses(await create(client, ['c']))).toEqual([409]);
  expect([...contract.duplicates].sort()).toEqual(['a', 'c']);
  expect(contract.count(STREAM)).toBe(5);
  expect(contract.documents(STREAM).filter(({ id }) => id === 'a').map(({ index }) => index.slice(-6))).toEqual(['000001', '000002']);
});

test('a search sees what was written before the last refresh', async () => {
  const contract = await cluster({ refreshMs: 3_600_000 });
  const client = clientOf(contract);
  await putTemplate(client);
  await client.indices.createDataStream({ name: STREAM });
  await create(client, ['a']);
  expect((await client.count({ index: STREAM })).count).toBe(0);
  await client.indices.refresh({ index: STREAM });
  expect((await client.count({ index: STREAM })).count).toBe(1);
});

test('a half-accepted bulk refuses some of its items for now, and takes them the next time', async () => {
  const contract = await cluster({ half: { share: 0.5, kinds: [429, 503] } });
  const client = clientOf(contract);
  await putTemplate(client);
  contract.nodes[0]!.faults.failNext('half-accepted');
  contract.nodes[0]!.faults.failNext('half-accepted');
  const all = ids(100);
  const first = await create(client, all);
  expect(first.errors).toBe(true);
  expect(new Set(statuses(first))).toEqual(new Set([201, 429, 503]));
  const types = new Set(first.items.flatMap(({ create: item }) => (item?.error === undefined ? [] : [item.error.type])));
  expect(types).toEqual(new Set(['es_rejected_execution_exception', 'unavailable_shards_exception']));
  const left = all.filter((_, i) => statuses(first)[i] !== 201);
  expect(contract.refusedItems).toBe(left.length);
  expect(contract.count(STREAM)).toBe(100 - left.length);
  await create(client, left);
  expect(new Set(statuses(await create(client, all)))).toEqual(new Set([201, 409]));
  expect(contract.ids.size).toBe(100);
  expect(contract.duplicates).toEqual([]);
});

test.each(['reset-after', 'reset-in-answer'])('%s: the events are stored, and the client does not know', async (kind) => {
  const contract = await cluster();
  const client = clientOf(contract);
  await putTemplate(client);
  contract.nodes[0]!.faults.failNext(kind);
  await expect(create(client, ['a'])).rejects.toThrow(errors.ConnectionError);
  expect(statuses(await create(client, ['a']))).toEqual([409]);
});

test.each([['400', 400], ['401', 401], ['403', 403], ['413', 413], ['429', 429], ['500', 500], ['503', 503]])('%s is answered as Elasticsearch answers it', async (kind, statusCode) => {
  const contract = await cluster();
  const client = clientOf(contract);
  contract.nodes[0]!.faults.failNext(kind, { retryAfter: 7 });
  await expect(create(client, ['a'])).rejects.toMatchObject({ name: 'ResponseError', statusCode, headers: { 'retry-after': '7' } });
  expect(contract.ids.size).toBe(0);
});

test('two nodes are one cluster: what one has taken the other has, and one of them may be down', async () => {
  const contract = await cluster({ nodes: 2 });
  const [first, second] = contract.nodes;
  const client = clientOf(contract, { maxRetries: 3 });
  await putTemplate(client);
  await create(client, ['a']);
  await create(client, ['b']);
  expect([first!.requests > 0, second!.requests > 0]).toEqual([true, true]);
  await first!.down();
  expect(statuses(await create(client, ['a', 'b', 'c']))).toEqual([409, 409, 201]);
  await first!.up();
  await second!.down();
  expect(statuses(await create(client, ['c', 'd']))).toEqual([409, 201]);
  expect([...contract.ids].sort()).toEqual(['a', 'b', 'c', 'd']);
});

test.each<[string, ConstructorParameters<typeof Client>[0]]>([
  ['a password', { auth: { username: 'elastic', password: 'secret' } }],
  ['an API key', { auth: { apiKey: Buffer.from('key-1:secret').toString('base64') } }],
  ['a token', { auth: { bearer: 'token-1' } }],
])('%s is checked, and so are the privileges that come with it', async (_what, options) => {
  const access = { users: { elastic: 'secret' }, apiKeys: ['key-1:secret'], tokens: ['token-1'] };
  const contract = await cluster({ access });
  await putTemplate(clientOf(contract, options));
  expect(statuses(await create(clientOf(contract, options), ['a']))).toEqual([201]);
  await expect(create(clientOf(contract), ['b'])).rejects.toMatchObject({ statusCode: 401 });
  await expect(create(clientOf(await cluster({ access: { users: {} } }), options), ['b'])).rejects.toMatchObject({ statusCode: 401 });

  // Enough to write, once somebody else has put the template in place.
  const writer = clientOf(await cluster({ access: { ...access, privileges: ['create_doc'] } }), options);
  await expect(putTemplate(writer)).rejects.toMatchObject({ statusCode: 403 });
  expect((await create(writer, ['a'])).items[0]?.create).toMatchObject({ status: 403, error: { type: 'security_exception', reason: expect.stringContaining('indices:admin/auto_create') } });
});

test('what it does not know is no fault of Elasticsearch', async () => {
  const said = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  closing.push(async () => said.mockRestore());
  const contract = await cluster();
  const answer = await fetch(`${contract.url}/_bulk`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: '{"delete":{"_index":"mesh-plain","_id":"a"}}\n' });
  expect(answer.status).toBe(599);
  expect(said).toHaveBeenCalledWith('contract server:', expect.objectContaining({ message: 'contract server: _bulk does not delete' }));
});
