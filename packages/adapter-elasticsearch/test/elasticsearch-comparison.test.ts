import { existsSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ElasticsearchContract, startElasticsearchContract } from './support/elasticsearch-contract.js';
import { type ComparedRequest, COMPARED_REQUESTS, SORTED_STREAM } from './support/elasticsearch-requests.js';
import { type ElasticsearchServer, isRunning, startElasticsearch } from './support/elasticsearch-server.js';

// What the protocol-level server answers is what the real one answers: the same requests to both.
let real: ElasticsearchServer;
let contract: ElasticsearchContract;
const boss = 'boss:boss-password';
const users = [
  { name: 'boss', password: 'boss-password', roles: ['superuser'], privileges: ['all'] },
  { name: 'reader', password: 'reader-password', roles: ['reading'], privileges: ['read', 'monitor'] },
  { name: 'nobody', password: 'nobody-password', roles: ['nothing'], privileges: ['monitor'] },
];
const roles = 'reading:\n  cluster: ["monitor"]\n  indices:\n    - names: ["*"]\n      privileges: ["read"]\nnothing:\n  cluster: ["monitor"]\n';

beforeAll(async () => {
  [real, contract] = await Promise.all([startElasticsearch({ users, roles }), startElasticsearchContract({ access: { users: Object.fromEntries(users.map(({ name, password, privileges }) => [name, { password, privileges }])) } })]);
}, 150_000);
afterAll(() => Promise.all([real.stop(), contract.stop()]));

const HEADERS = ['content-type', 'x-elastic-product', 'www-authenticate', 'allow', 'location', 'warning'];

async function ask(url: string, { method, path, body, type = 'application/json', accept = '*/*' }: ComparedRequest, authorization: string | undefined) {
  const headers = { accept, ...(body === undefined || type === null ? {} : { 'content-type': type }), ...(authorization === undefined ? {} : { authorization }) };
  // As bytes: fetch would say what type a text is.
  const response = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body: Buffer.from(body) }) });
  const text = await response.text();
  return { status: response.status, headers: Object.fromEntries(HEADERS.flatMap((name) => (response.headers.get(name) === null ? [] : [[name, response.headers.get(name)]]))), body: text === '' ? '' : alike(JSON.parse(text) as unknown) };
}

/** Without what is another each time, and without where in a text its parser was, which is Jackson's own. */
function alike(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => alike(one));
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, (value as { type?: unknown }).type?.toString().startsWith('json_') === true && key === 'reason' ? '…' : alike(inner, key)]));
  if (['took', 'creation_date', 'node', 'line', 'col'].includes(name) || (['uuid', 'index_uuid'].includes(name) && value !== '_na_')) return '…';
  if (typeof value !== 'string') return value;
  return value
    .replaceAll(/\[\d+:\d+\]|at \d+:\d+/g, '…')
    .replace(/\/[\w-]{21,22}\]/, '/…]')
    .replace(/effective roles \[\w+\]/, 'effective roles […]')
    // A set of two, in the order of the day.
    .replace('[Accept, Content-Type]', '[Content-Type, Accept]');
}

const basic = (user: string): string => `Basic ${Buffer.from(user).toString('base64')}`;
async function both(request: ComparedRequest, authorization: string | undefined) {
  return { ofReal: await ask(real.url, request, authorization), ofContract: await ask(contract.url, request, authorization) };
}

test('the protocol-level server answers as the real one does', async () => {
  const differences: unknown[] = [];
  for (const request of COMPARED_REQUESTS) {
    const { ofReal, ofContract } = await both(request, basic(boss));
    try {
      expect(ofContract).toEqual(ofReal);
    } catch {
      differences.push({ name: request.name, ofReal, ofContract });
    }
  }
  expect(differences).toEqual([]);
}, 60_000);

test('a page at a point in time has the same documents and the same sort values', async () => {
  const open = await both({ name: '', method: 'POST', path: `/${SORTED_STREAM}/_pit?keep_alive=1m` }, basic(boss));
  const pages = [];
  for (const [url, answer] of [[real.url, open.ofReal], [contract.url, open.ofContract]] as const) {
    const { id } = answer.body as { id: string };
    const search = async (more: object): Promise<{ _id: string; sort: unknown[] }[]> => {
      const page = await ask(url, { name: '', method: 'POST', path: '/_search', body: JSON.stringify({ pit: { id, keep_alive: '1m' }, size: 4, sort: [{ '@timestamp': 'asc' }], track_total_hits: false, ...more }) }, basic(boss));
      return (page.body as { hits: { hits: { _id: string; sort: unknown[] }[] } }).hits.hits;
    };
    const first = await search({});
    const second = await search({ search_after: first.at(-1)?.sort });
    const close = { name: '', method: 'DELETE', path: '/_pit', body: JSON.stringify({ id }) };
    const closed = [await ask(url, close, basic(boss)), await ask(url, close, basic(boss))];
    const after = await ask(url, { name: '', method: 'POST', path: '/_search', body: JSON.stringify({ pit: { id } }) }, basic(boss));
    // The second value is the place in the shard, which is Lucene's own.
    const shown = [...first, ...second].map(({ _id, sort }) => [_id, sort[0], sort.length, typeof sort[1]]);
    pages.push({ shown, closed, status: after.status, type: (after.body as { error: { root_cause: { type: string }[] } }).error.root_cause[0]?.type });
  }
  expect(pages[0]?.shown).toHaveLength(7);
  expect(pages[1]).toEqual(pages[0]);
});

const STREAM = '/logs-mesh.compare-a';
const LINE = { body: '{"create":{"_id":"z"}}\n{"@timestamp":"2026-01-01"}\n', type: 'application/x-ndjson' };
const ACTIONS: ComparedRequest[] = [
  { name: 'bulk', method: 'POST', path: `${STREAM}/_bulk`, ...LINE },
  { name: 'put template', method: 'PUT', path: '/_index_template/mesh-x', body: '{"index_patterns":["x-*"]}' },
  { name: 'get template', method: 'GET', path: '/_index_template/mesh-compare?filter_path=index_templates.name' },
  { name: 'search', method: 'POST', path: `${STREAM}/_search?size=0`, body: '{}' },
  { name: 'shown', method: 'GET', path: STREAM },
  { name: 'mapping', method: 'GET', path: `${STREAM}/_mapping` },
  { name: 'put mapping', method: 'PUT', path: `${STREAM}/_mapping`, body: '{"properties":{}}' },
  { name: 'create index', method: 'PUT', path: '/mesh-new' },
  { name: 'rollover', method: 'POST', path: `${STREAM}/_rollover` },
  { name: 'refresh', method: 'POST', path: `${STREAM}/_refresh` },
  { name: 'mget', method: 'POST', path: '/mesh-compare-plain/_mget', body: '{"ids":["zz"]}' },
];

test.each([
  ['no credentials', undefined],
  ['a wrong password', basic('boss:wrong')],
  ['an unknown user', basic('who:wrong')],
  ['a wrong token', 'Bearer wrong'],
  ['an API key that is none', `ApiKey ${Buffer.from('id:secret').toString('base64')}`],
  ['a user who may read', basic('reader:reader-password')],
  ['a user who may do nothing', basic('nobody:nobody-password')],
])('%s: both say the same', async (_who, authorization) => {
  for (const request of ACTIONS) {
    const { ofReal, ofContract } = await both(request, authorization);
    expect({ ...request, answer: ofContract }).toEqual({ ...request, answer: ofReal });
  }
});

test('a body of more than 100 MB, packed to less, is too large for both', async () => {
  const body = gzipSync(Buffer.alloc(101 * 1_048_576, '\n'), { level: 1 });
  for (const { url } of [real, contract]) {
    const answer = await fetch(`${url}/_bulk`, { method: 'POST', headers: { authorization: basic(boss), 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' }, body });
    expect({ status: answer.status, product: answer.headers.get('x-elastic-product'), text: await answer.text() }).toEqual({ status: 413, product: null, text: '' });
  }
});

test('the real server has what it acknowledged when it was killed and started again', async () => {
  const create = (id: string) => ask(real.url, { name: '', method: 'POST', path: '/mesh-restart/_bulk?filter_path=items.create.status', body: `{"create":{"_id":"${id}"}}\n{"@timestamp":"2026-01-01"}\n`, type: 'application/x-ndjson' }, basic(boss));
  const status = async (id: string) => ((await create(id)).body as { items: { create: { status: number } }[] }).items[0]?.create.status;
  expect(await status('a')).toBe(201);
  const { pid } = real;
  await real.restart();
  expect([isRunning(pid), isRunning(real.pid)]).toEqual([false, true]);
  expect([await status('a'), await status('b')]).toEqual([409, 201]);
}, 150_000);

test('the real server, when it is stopped, leaves neither a process nor a file', async () => {
  await real.stop();
  expect(isRunning(real.pid)).toBe(false);
  expect(existsSync(real.folder)).toBe(false);
}, 60_000);
