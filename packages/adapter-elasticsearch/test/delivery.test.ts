import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, systemClock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { ElasticsearchAdapter } from '../src/elasticsearch-adapter.js';
import type { ElasticsearchAdapterOptions } from '../src/elasticsearch-adapter-options.js';
// Left out where there is none: support/elasticsearch-server.js
import { allOf, eventOf, eventsOf, open, rejectionOf } from './support/events.js';
import { FaultProxy, type Fault } from './support/fault-proxy.js';
import { realElasticsearch } from './support/real-elasticsearch.js';
import { RecordedLog } from './support/recorded-log.js';

const server = realElasticsearch();
let proxy: FaultProxy;
let silent: FaultProxy | undefined;
let adapters: ElasticsearchAdapter[] = [];
beforeEach(async () => void (proxy = await new FaultProxy(server().url).start()));
afterEach(async () => {
  proxy.release();
  for (const adapter of adapters) await adapter.close();
  adapters = [];
  proxy.stop();
  silent?.stop();
});

const adapterOf = (options: Partial<ElasticsearchAdapterOptions> & { index: string }): ElasticsearchAdapter => {
  const adapter = new ElasticsearchAdapter({ node: proxy.url, template: { replicas: 0 }, ...options });
  adapters.push(adapter);
  return adapter;
};
const idsOf = (events: readonly MeshAuditEvent[]): string[] => events.map(({ id }) => id);
const storedIds = async (index: string): Promise<string[]> => (await server().stored(index)).map(({ _id }) => _id);
/** Lets every wait of the adapter's be over at once, from its first bulk until it is told to stop: what comes before has a deadline and no waits. */
function runAhead(clock: FakeClock): () => void {
  let isOver = false;
  const step = (): void => {
    if (isOver) return;
    void (proxy.bulks.length > 0 ? clock.advance(1_000) : Promise.resolve()).then(() => setImmediate(step));
  };
  step();
  return () => (isOver = true);
}
const rollOver = async (index: string): Promise<void> => expect(await server().ask('POST', `/${index}/_rollover`)).toMatchObject({ rolled_over: true });
/** The server takes the events and nobody hears of it; then they belong into another index. */
const lostAndRolledOver = async (adapter: ElasticsearchAdapter, events: readonly MeshAuditEvent[], index: string): Promise<void> => {
  proxy.next.push({ kind: 'cut-after' });
  await rejectionOf(adapter.logEvents(events, open));
  await rollOver(index);
};

describe.each(['index', 'data stream'] as const)('in a real %s', (kind) => {
  test('events are stored as they were, and come back so', async () => {
    const index = server().name(kind);
    const logger = new RecordedLog();
    const adapter = adapterOf({ index, dataStream: kind === 'data stream', logger });
    const events = eventsOf(50);
    await adapter.logEvents(events, open);
    expect((await server().stored(index)).map(({ _id }) => _id)).toEqual(events.map(({ id }) => id));
    expect(await allOf(adapter.query())).toEqual(events);
    expect(logger.warnings).toEqual([]);
  });

  test('an event that comes again is stored once', async () => {
    const index = server().name(kind);
    const adapter = adapterOf({ index, dataStream: kind === 'data stream' });
    const events = eventsOf(3);
    await adapter.logEvents(events, open);
    await adapter.logEvents(events, open);
    await adapter.logEvent(events[1]!);
    expect(await server().count(index)).toBe(3);
  });
});

test('an event that is refused for good is named, and those beside it are stored once', async () => {
  const index = server().name();
  await server().ask('PUT', `/${index}`, { mappings: { properties: { service: { properties: { name: { type: 'long' } } } } } });
  const logger = new RecordedLog();
  const adapter = adapterOf({ index, logger });
  const [first, second, third] = [eventOf({}, { serviceId: '1' }), eventOf({}, { serviceId: 'orders' }), eventOf({}, { serviceId: '3' })];
  expect(await rejectionOf(adapter.logEvents([first, second, third], open))).toMatchObject({ reason: 'sink_refused', retryable: false, message: expect.stringContaining('document_parsing_exception') });
  // As a lane halves it.
  await adapter.logEvents([first], open);
  await adapter.logEvents([third], open);
  expect(await rejectionOf(adapter.logEvents([second], open))).toMatchObject({ reason: 'sink_refused' });
  expect(await server().count(index)).toBe(2);
  expect(logger.warnings).toEqual([expect.stringContaining('has another mapping')]);
});

describe('around a rollover of a data stream', () => {
  test.each<[string, Fault]>([
    ['the connection is cut after the server took the events', { kind: 'cut-after' }],
    ['the answer is cut off', { kind: 'cut-in-answer' }],
  ])('where %s, each is stored once', async (_what, fault) => {
    const index = server().name('data stream');
    const adapter = adapterOf({ index, dataStream: true });
    const [before, events, after] = [eventsOf(2), eventsOf(20), eventsOf(2)];
    await adapter.logEvents(before, open);
    proxy.next.push(fault);
    expect(await rejectionOf(adapter.logEvents(events, open))).toMatchObject({ reason: 'adapter_failed', retryable: true });
    await rollOver(index);
    await adapter.logEvents(events, open);
    await adapter.logEvents(after, open);
    expect((await storedIds(index)).sort()).toEqual(idsOf([...before, ...events, ...after]).sort());
    expect(new Set((await server().stored(index)).map(({ _index }) => _index)).size).toBe(2);
  });

  test('also over two rollovers, and where the events come again with others', async () => {
    const index = server().name('data stream');
    const adapter = adapterOf({ index, dataStream: true });
    await adapter.logEvents(eventsOf(1), open);
    const events = eventsOf(10);
    await lostAndRolledOver(adapter, events.slice(0, 5), index);
    await rollOver(index);
    await adapter.logEvents(events, open);
    expect(await server().count(index)).toBe(11);
  });

  test('also where a look-up failed, and something else was sent after it', async () => {
    const index = server().name('data stream');
    const adapter = adapterOf({ index, dataStream: true });
    await adapter.logEvents(eventsOf(1), open);
    const [events, others] = [eventsOf(3), eventsOf(3)];
    proxy.next.push({ kind: 'cut-after' });
    await rejectionOf(adapter.logEvents(events, open));
    proxy.meets = (request) => request.includes('_mget');
    proxy.next.push({ kind: 'status', status: 503 });
    await rejectionOf(adapter.logEvents(events, open));
    await rollOver(index);
    // Into an index that was not there when it was last asked which there are.
    proxy.meets = (request) => request.includes('_bulk');
    await lostAndRolledOver(adapter, others, index);
    await adapter.logEvents([...events, ...others], open);
    expect(await server().count(index)).toBe(7);
  });

  test('what an earlier process has sent and left in its spill is stored once', async () => {
    const index = server().name('data stream');
    const events = eventsOf(5);
    await lostAndRolledOver(adapterOf({ index, dataStream: true }), events, index);
    await new Promise((resolve) => void setImmediate(resolve));
    const successor = adapterOf({ index, dataStream: true, clock: { ...systemClock, now: () => Date.now() + 1 } });
    await successor.logEvents(events, open);
    expect(await server().count(index)).toBe(5);
  });

  test('nobody is asked where every answer came', async () => {
    const adapter = adapterOf({ index: server().name('data stream'), dataStream: true });
    for (let times = 0; times < 3; times++) await adapter.logEvents(eventsOf(2), open);
    expect(proxy.requests.filter((request) => request.includes('_mget') || request.includes('_resolve'))).toEqual([]);
  });
});

test('items that are refused for now are sent again, and only these', async () => {
  const index = server().name();
  const adapter = adapterOf({ index });
  const events = eventsOf(4);
  proxy.next.push({ kind: 'partial' });
  await adapter.logEvents(events, open);
  expect(proxy.bulks).toEqual([idsOf(events), idsOf(events.slice(1))]);
  expect(await storedIds(index)).toEqual(idsOf(events));
});

test('items that stay refused are given back to the lane, and those that were stored do not go again', async () => {
  const index = server().name();
  const clock = new FakeClock();
  const adapter = adapterOf({ index, clock });
  const events = eventsOf(4);
  await adapter.logEvents(eventsOf(1), open);
  proxy.bulks.length = 0;
  proxy.next.push({ kind: 'partial' });
  proxy.always = { kind: 'status', status: 200, body: JSON.stringify({ errors: true, items: events.slice(1).map(() => ({ create: { status: 429, error: { type: 'es_rejected_execution_exception', reason: 'queue is full' } } })) }) };
  const settled = runAhead(clock);
  expect(await rejectionOf(adapter.logEvents(events, open))).toMatchObject({ reason: 'adapter_failed', retryable: true, message: expect.stringContaining('refuses 3 events for now: es_rejected_execution_exception: queue is full') });
  settled();
  expect(proxy.bulks).toHaveLength(5);
  proxy.release();
  await adapter.logEvents(events, open);
  expect(proxy.bulks.at(-1)).toEqual(idsOf(events.slice(1)));
});

test.each([
  [503, {}, { reason: 'adapter_failed', retryable: true, retryAfterMs: undefined }],
  [429, { 'retry-after': '7' }, { reason: 'adapter_failed', retryable: true, retryAfterMs: 7_000 }],
  [408, {}, { reason: 'adapter_failed', retryable: true }],
  [401, {}, { reason: 'sink_unauthenticated', code: 'UNAUTHENTICATED', retryable: false }],
  [403, {}, { reason: 'sink_unauthenticated', retryable: false }],
  [400, {}, { reason: 'sink_refused', retryable: false }],
  [407, { 'x-elastic-product': '' }, { reason: 'adapter_failed', retryable: true }],
  [302, { location: 'http://169.254.169.254/' }, { reason: 'sink_not_found', retryable: false, message: expect.stringContaining('redirect') }],
])('a bulk answered %d %j is such an error', async (status, headers, expected) => {
  proxy.always = { kind: 'status', status, headers };
  const error = await rejectionOf(adapterOf({ index: server().name() }).logEvents(eventsOf(2), open));
  expect(error).toMatchObject(expected);
  expect((error as MeshError).cause).toBeUndefined();
});

test.each([
  ['no JSON', '<html>Welcome</html>'],
  ['fewer items', JSON.stringify({ errors: false, items: [{ create: { status: 201 } }] })],
  ['items of something else', JSON.stringify({ errors: false, items: [{ index: { status: 201 } }, { index: { status: 201 } }] })],
  ['a status that is none', JSON.stringify({ errors: false, items: [{ create: { status: '201' } }, { create: {} }] })],
  ['more than may be read', `{"errors":false,"items":[${' '.repeat(2_000_000)}`],
])('an answer with %s counts for nothing', async (_what, body) => {
  const index = server().name();
  const adapter = adapterOf({ index });
  proxy.next.push({ kind: 'status', status: 200, body });
  const events = eventsOf(2);
  expect(await rejectionOf(adapter.logEvents(events, open))).toMatchObject({ reason: 'adapter_failed', retryable: true, message: expect.stringContaining('no readable answer') });
  await adapter.logEvents(events, open);
  expect(await server().count(index)).toBe(2);
});

test('a batch is split by bytes, and once more where the server finds a part too large', async () => {
  const index = server().name();
  const adapter = adapterOf({ index, maxRequestBytes: 20_000, compression: false });
  const events = eventsOf(8, { metadata: { text: 'ü'.repeat(4_000) } });
  proxy.next.push({ kind: 'status', status: 413 });
  await adapter.logEvents(events, open);
  expect(proxy.bulks.map(({ length }) => length)).toEqual([2, 1, 1, 2, 2, 2]);
  expect(await storedIds(index)).toEqual(idsOf(events));
});

test('an event that is too large alone is refused, and the others are stored', async () => {
  const index = server().name();
  const adapter = adapterOf({ index });
  const [small, large] = [eventOf(), eventOf()];
  proxy.next.push({ kind: 'status', status: 413 }, { kind: 'status', status: 413 });
  expect(await rejectionOf(adapter.logEvents([large, small], open))).toMatchObject({ reason: 'sink_too_large', retryable: false });
  expect(await storedIds(index)).toEqual([small.id]);
});

test.each([['', false], ['ü'.repeat(256), true], [`${'ü'.repeat(256)}x`, false]])('an id of %j, which the server takes or refuses the whole bulk for, is no reason to refuse the others', async (id, isTaken) => {
  const index = server().name();
  const [before, after] = [eventOf(), eventOf()];
  const failure = await adapterOf({ index }).logEvents([before, eventOf({}, { id }), after], open).then(() => undefined, (error: unknown) => error);
  expect(failure).toEqual(isTaken ? undefined : expect.objectContaining({ reason: 'sink_refused', message: expect.stringContaining('its id must have 1 to 512 bytes') }));
  expect(await storedIds(index)).toEqual([before.id, ...(isTaken ? [id] : []), after.id]);
});

test('a node that is gone is passed over at once', async () => {
  const index = server().name();
  const gone = await new FaultProxy(server().url).start();
  const { url } = gone;
  gone.stop();
  const adapter = adapterOf({ index, node: [url, proxy.url] });
  for (let times = 0; times < 6; times++) await adapter.logEvents(eventsOf(2), open);
  expect(await server().count(index)).toBe(12);
});

test('a node that takes requests and answers none costs a delivery now and then, and not each second one', async () => {
  const index = server().name();
  const hangs = (silent = await new FaultProxy(server().url).start());
  hangs.always = { kind: 'hang' };
  const adapter = adapterOf({ index, node: [hangs.url, proxy.url] });
  const events = eventsOf(12);
  for (const event of events) {
    for (let isStored = false; !isStored; ) {
      const controller = new AbortController();
      // As a lane does after its 10 s.
      hangs.played = () => controller.abort(new MeshError('adapter_timeout', 'no answer in time', { retryable: true }));
      isStored = await adapter.logEvents([event], controller).then(() => true, () => false);
    }
  }
  expect(await storedIds(index)).toEqual(idsOf(events));
  expect(hangs.bulks.length).toBeLessThan(4);
});

test('nobody there is a retryable error that says where, each time', async () => {
  const { url } = proxy;
  proxy.stop();
  const adapter = adapterOf({ index: 'mesh-test', node: url });
  for (let times = 0; times < 2; times++) {
    expect(await rejectionOf(adapter.logEvents(eventsOf(1), open))).toMatchObject({ reason: 'adapter_failed', retryable: true, message: expect.stringMatching(/cannot be reached: connect ECONNREFUSED/) });
  }
});

test('an abort ends a delivery that waits to try again, with the reason of the signal', async () => {
  const clock = new FakeClock();
  const adapter = adapterOf({ index: server().name(), clock });
  proxy.next.push({ kind: 'partial' });
  const controller = new AbortController();
  let isOver = false;
  proxy.played = () => {
    const wait = (): void => void (clock.pendingTimers > 0 ? controller.abort(new MeshError('adapter_timeout', 'too long')) : isOver || setImmediate(wait));
    wait();
  };
  expect(await rejectionOf(adapter.logEvents(eventsOf(3), { signal: controller.signal }))).toMatchObject({ reason: 'adapter_timeout' });
  isOver = true;
  expect(clock.pendingTimers).toBe(0);
});

test('a server without the endpoints of lifecycles is said once, and stores the events', async () => {
  const index = server().name('data stream');
  const logger = new RecordedLog();
  const adapter = adapterOf({ index, dataStream: true, retention: 30, logger });
  for (let times = 0; times < 2; times++) await adapter.logEvents(eventsOf(2), open);
  expect(await server().count(index)).toBe(4);
  const isWhole = (await server().ask<{ error?: unknown }>('GET', `/_data_stream/${index}/_lifecycle`)).error === undefined;
  expect(logger.warnings).toEqual(isWhole ? [] : [expect.stringMatching(/^whether events are deleted after 30 days cannot be read \(400: no handler found/)]);
  expect(await server().ask('GET', `/_index_template/secure-stack-mesh-${index}`)).toMatchObject({ index_templates: [{ index_template: { template: { lifecycle: { data_retention: '30d' } } } }] });
});

describe('what an operator can end is no loss:', () => {
  type Mend = () => Promise<unknown>;
  const setting = (name: string, value: unknown) => async (index: string): Promise<Mend> => {
    await server().ask('PUT', `/${index}/_settings`, { [name]: value });
    return async () => server().ask('PUT', `/${index}/_settings`, { [name]: null });
  };
  const cluster = async (settings: object): Promise<Mend> => server().setCluster(settings as Record<string, unknown>);
  const shut = async (index: string): Promise<Mend> => {
    await server().ask('POST', `/${index}/_close`);
    return async () => server().ask('POST', `/${index}/_open`);
  };

  test.each<[string, (index: string) => Promise<Mend>, RegExp]>([
    ['a disk that is full', setting('index.blocks.read_only_allow_delete', true), /flood-stage watermark/],
    ['an index that is read-only', setting('index.blocks.write', true), /index write \(api\)/],
    ['an index that is closed', shut, /index_closed_exception/],
    ['a cluster that is read-only', () => cluster({ 'cluster.blocks.read_only': true }), /cluster read-only/],
    ['a pipeline that is missing', setting('index.default_pipeline', 'none-such'), /pipeline with id/],
  ])('%s', async (_what, spoil, says) => {
    const index = server().name();
    const clock = new FakeClock();
    const adapter = adapterOf({ index, clock });
    await adapter.logEvents(eventsOf(1), open);
    const mend = await spoil(index);
    const events = eventsOf(3);
    const settled = runAhead(clock);
    try {
      expect(await rejectionOf(adapter.logEvents(events, open))).toMatchObject({ reason: 'adapter_failed', retryable: true, message: expect.stringMatching(says) });
    } finally {
      settled();
      await mend();
    }
    await adapter.logEvents(events, open);
    expect(await server().count(index)).toBe(4);
  });

  test.each([
    ['no further shard', { 'cluster.max_shards_per_node': 1 }, /maximum normal shards open/],
    ['no index by itself', { 'action.auto_create_index': 'false' }, /auto_create_index/],
  ])('a cluster that makes %s', async (_what, settings, says) => {
    // There is one shard at least.
    await adapterOf({ index: server().name() }).logEvent(eventOf());
    proxy.bulks.length = 0;
    const index = server().name();
    const clock = new FakeClock();
    const adapter = adapterOf({ index, clock });
    const events = eventsOf(2);
    const settled = runAhead(clock);
    const mend = await cluster(settings);
    try {
      expect(await rejectionOf(adapter.logEvents(events, open))).toMatchObject({ reason: 'adapter_failed', retryable: true, message: expect.stringMatching(says) });
    } finally {
      settled();
      await mend();
    }
    await adapter.logEvents(events, open);
    expect(await server().count(index)).toBe(2);
  });

  test('a cluster that is read-only before anything is in place: it is put there later', async () => {
    const index = server().name();
    const logger = new RecordedLog();
    const adapter = adapterOf({ index, logger });
    const mend = await cluster({ 'cluster.blocks.read_only': true });
    try {
      expect(await rejectionOf(adapter.logEvents(eventsOf(1), open))).toMatchObject({ reason: 'adapter_failed', retryable: true });
    } finally {
      await mend();
    }
    await adapter.logEvents(eventsOf(1), open);
    expect(await server().ask('GET', `/${index}/_mapping`)).toMatchObject({ [index]: { mappings: { dynamic: 'false' } } });
    expect(logger.warnings).toEqual([]);
  });

  test.each<[string, Fault]>([
    ['a proxy that has no backend', { kind: 'status', status: 404, headers: { 'x-elastic-product': '', 'content-type': 'text/plain' }, body: 'default backend - 404' }],
    ['an address with a wrong path', { kind: 'status', status: 400, body: '{"error":"no handler found for uri [/es/_bulk] and method [POST]"}' }],
    ['a version that the server does not speak', { kind: 'status', status: 400, body: '{"error":{"type":"media_type_header_exception","reason":"Invalid media-type value"},"status":400}' }],
    ['a method that is not allowed', { kind: 'status', status: 405, body: '{"error":"Incorrect HTTP method"}' }],
  ])('%s', async (_what, fault) => {
    proxy.next.push(fault);
    const events = eventsOf(2);
    const index = server().name();
    const adapter = adapterOf({ index });
    expect(await rejectionOf(adapter.logEvents(events, open))).toMatchObject({ reason: 'adapter_failed', retryable: true });
    expect(proxy.bulks).toHaveLength(1);
    await adapter.logEvents(events, open);
    expect(await server().count(index)).toBe(2);
  });
});

test('an event that a pipeline drops, or keeps where nobody looks, is not taken for stored', async () => {
  const adapter = adapterOf({ index: server().name() });
  const [kept, dropped, aside] = eventsOf(3) as [MeshAuditEvent, MeshAuditEvent, MeshAuditEvent];
  // As the server says it of a processor `drop`, which the one of the tests lacks, and of a failure store.
  const items = [{ create: { status: 201, result: 'created' } }, { create: { status: 200, result: 'noop' } }, { create: { status: 201, result: 'created', failure_store: 'used' } }];
  proxy.next.push({ kind: 'status', status: 200, body: JSON.stringify({ errors: false, items }) });
  expect(await rejectionOf(adapter.logEvents([kept, dropped, aside], open))).toMatchObject({ reason: 'sink_refused', retryable: false, message: expect.stringContaining('pipeline') });
  await adapter.logEvent(kept);
  expect(await rejectionOf(adapter.logEvent(aside))).toMatchObject({ reason: 'sink_refused', message: expect.stringContaining('failure store') });
  expect(await rejectionOf(adapter.logEvent(dropped))).toMatchObject({ reason: 'sink_refused', message: expect.stringContaining('dropped') });
  expect(proxy.bulks).toHaveLength(1);
  expect(proxy.requests.find((request) => request.includes('_bulk'))).toMatch(/items\.\*\.result.*timeout=8s/);
});

test('where some may not be written, those that are stored are known all the same', async () => {
  const adapter = adapterOf({ index: server().name() });
  const [forbidden, stored] = eventsOf(2) as [MeshAuditEvent, MeshAuditEvent];
  proxy.next.push({ kind: 'status', status: 200, body: JSON.stringify({ errors: true, items: [{ create: { status: 403, error: { type: 'security_exception', reason: 'action is unauthorized' } } }, { create: { status: 201 } }] }) });
  expect(await rejectionOf(adapter.logEvents([forbidden, stored], open))).toMatchObject({ reason: 'sink_unauthenticated', retryable: false, message: expect.stringContaining('action is unauthorized') });
  await adapter.logEvents([stored], open);
  expect(proxy.bulks).toHaveLength(1);
});

describe('where nobody can say what is stored already, nothing is sent again:', () => {
  test.each<[string, Fault]>([
    ['a shard that is not there', { kind: 'status', status: 200, body: '{"docs":[{"_id":"a","found":false},{"_id":"b","found":false},{"_id":"c","error":{"type":"no_shard_available_action_exception"}}]}' }],
    ['an answer that is no JSON', { kind: 'status', status: 200, body: '<html>' }],
    ['an answer that is another', { kind: 'status', status: 200, body: '{"docs":[null,null,null]}' }],
    ['an answer about something else', { kind: 'status', status: 200, body: '{}' }],
    ['an answer about fewer', { kind: 'status', status: 200, body: '{"docs":[{"_id":"a","found":false}]}' }],
    ['a proxy that says 404', { kind: 'status', status: 404, headers: { 'x-elastic-product': '' }, body: 'not found' }],
    ['a server that is overloaded', { kind: 'status', status: 429 }],
  ])('%s', async (_what, fault) => {
    const index = server().name('data stream');
    const adapter = adapterOf({ index, dataStream: true });
    await adapter.logEvents(eventsOf(1), open);
    const events = eventsOf(3);
    await lostAndRolledOver(adapter, events, index);
    proxy.meets = (request) => request.includes('_mget');
    proxy.next.push(fault);
    expect(await rejectionOf(adapter.logEvents(events, open))).toMatchObject({ reason: 'adapter_failed', retryable: true });
    await adapter.logEvents(events, open);
    expect(await server().count(index)).toBe(4);
    // The second try goes on where the first one ended.
    expect(proxy.requests.filter((request) => request.includes('/_settings/index.uuid'))).toHaveLength(1);
  });
});

test('through an alias that is rolled over each is stored once, also where the first answer was lost', async () => {
  const [alias, first] = [server().name(), `${server().name()}-000001`];
  await server().ask('PUT', `/${first}`, { aliases: { [alias]: { is_write_index: true } } });
  const adapter = adapterOf({ index: alias, template: false, logger: new RecordedLog() });
  const events = eventsOf(3);
  await lostAndRolledOver(adapter, events, alias);
  await adapter.logEvents(events, open);
  expect(await server().count(alias)).toBe(3);
});

test('what a lane has given up takes no room from what is in doubt after it', async () => {
  const index = server().name('data stream');
  const adapter = adapterOf({ index, dataStream: true, maxRequestBytes: 100_000_000, compression: false });
  await adapter.logEvents(eventsOf(1), open);
  const many = eventsOf(20_000);
  const before = process.cpuUsage();
  proxy.next.push({ kind: 'cut-before' });
  await rejectionOf(adapter.logEvents(many, open));
  // That of a request whose error the client copies is 20 s and more.
  expect(process.cpuUsage(before).user).toBeLessThan(8e6);
  const events = eventsOf(3);
  await lostAndRolledOver(adapter, events, index);
  await adapter.logEvents(events, open);
  expect(await server().count(index)).toBe(4);
});

test('why events are refused is read, however long: the server repeats what it refuses', async () => {
  const index = server().name();
  await server().ask('PUT', `/${index}`, { mappings: { properties: { mesh: { properties: { metadata: { type: 'keyword' } } } } } });
  const adapter = adapterOf({ index, logger: new RecordedLog() });
  const good: MeshAuditEvent = { ...eventOf(), details: { action: 'message.sent', success: true } };
  const large = eventsOf(30, { metadata: { text: 'x'.repeat(50_000) } });
  expect(await rejectionOf(adapter.logEvents([good, ...large], open))).toMatchObject({ reason: 'sink_refused', retryable: false });
  expect(await rejectionOf(adapter.logEvent(eventOf({ metadata: { text: 'x'.repeat(1_500_000) } })))).toMatchObject({ reason: 'sink_refused', message: expect.stringMatching(/^.{200,500}$/) });
  expect(await storedIds(index)).toEqual([good.id]);
});

test('the time that a single event may take is that of the clock among the options', async () => {
  const clock = new FakeClock();
  const adapter = adapterOf({ index: server().name(), clock });
  proxy.always = { kind: 'hang' };
  const hangs = new Promise<void>((resolve) => void (proxy.played = resolve));
  const logged = rejectionOf(adapter.logEvent(eventOf()));
  await hangs;
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(10_000);
  expect(await logged).toMatchObject({ reason: 'adapter_timeout', retryable: true });
});

test('a redirect of the first request is an error, and no reason to go without a template', async () => {
  const index = server().name();
  const logger = new RecordedLog();
  const adapter = adapterOf({ index, logger });
  proxy.meets = () => true;
  proxy.next.push({ kind: 'status', status: 302, headers: { location: 'http://login.example' } });
  expect(await rejectionOf(adapter.logEvents(eventsOf(1), open))).toMatchObject({ reason: 'sink_not_found', retryable: false });
  await adapter.logEvents(eventsOf(1), open);
  expect(await server().ask('GET', `/${index}/_mapping`)).toMatchObject({ [index]: { mappings: { dynamic: 'false' } } });
  expect(logger.warnings).toEqual([]);
});

test('a password that is a word is taken out of errors, and not out of events', async () => {
  const adapter = adapterOf({ index: server().name(), auth: { username: 'mesh', password: 'payments' } });
  const events = eventsOf(2);
  await adapter.logEvents(events, open);
  await server().ask('POST', '/_refresh');
  expect(await allOf(adapter.query())).toEqual(events);
  proxy.next.push({ kind: 'status', status: 200, body: JSON.stringify({ errors: true, items: [{ create: { status: 400, error: { type: 'security', reason: 'no user mesh with payments' } } }] }) });
  expect(String(await rejectionOf(adapter.logEvent(eventOf())))).toContain('no user mesh with [redacted]');
});

test('what the server repeats of an API key is never shown', async () => {
  const key = 'VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw';
  const apiKey = Buffer.from(key).toString('base64');
  proxy.always = { kind: 'status', status: 400, body: JSON.stringify({ error: { reason: `no such key: ${apiKey}, ${key}` } }) };
  const error = await rejectionOf(adapterOf({ index: server().name(), auth: { apiKey } }).logEvents(eventsOf(1), open));
  expect(String(error)).toContain('no such key: [redacted]');
  expect(JSON.stringify(error) + String(error)).not.toContain('ui2lp2axTNmsyakw9tvNnw');
});

test.each<[string, object, object]>([
  ['a conflict that is not about its id is no success', { status: 409, error: { type: 'index_create_block_exception', reason: 'in \u001b[2J between' } }, { reason: 'sink_refused', message: expect.stringContaining('(409): index_create_block_exception: in \\u001b[2J between') }],
  ['a conflict of its id is one', { status: 409, error: { type: 'version_conflict_engine_exception', reason: 'document already exists' } }, {}],
])('of an item, %s', async (_what, item, expected) => {
  proxy.next.push({ kind: 'status', status: 200, body: JSON.stringify({ errors: true, items: [{ create: item }] }) });
  const failure = await adapterOf({ index: server().name() }).logEvents(eventsOf(1), open).then(() => ({}), (error: unknown) => error);
  expect(failure).toMatchObject(expected);
});

test('what was refused alone, and is a dead letter, is tried again when it is brought again by hand', async () => {
  const index = server().name();
  const adapter = adapterOf({ index });
  const event = eventOf();
  proxy.next.push({ kind: 'status', status: 200, body: JSON.stringify({ errors: true, items: [{ create: { status: 400, error: { type: 'document_parsing_exception', reason: 'as told' } } }] }) });
  expect(await rejectionOf(adapter.logEvent(event))).toMatchObject({ reason: 'sink_refused' });
  await adapter.logEvent(event);
  expect(await storedIds(index)).toEqual([event.id]);
});

test('what cannot be read, and a time that is over, leave in doubt what was stored: over a rollover, too, each is there once', async () => {
  const index = server().name('data stream');
  const adapter = adapterOf({ index, dataStream: true });
  await adapter.logEvents(eventsOf(1), open);
  // The server has them, and something before it answers.
  for (const [status, body] of [[200, '<html>'], [504, ''], [408, '']] as const) {
    const events = eventsOf(3);
    proxy.next.push({ kind: 'replaced', status, body });
    expect(await rejectionOf(adapter.logEvents(events, open))).toMatchObject({ reason: 'adapter_failed', retryable: true });
    await rollOver(index);
    await adapter.logEvents(events, open);
  }
  expect(await server().count(index)).toBe(10);
});
