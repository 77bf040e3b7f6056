import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AuditQuery, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { ElasticsearchAdapter } from '../src/elasticsearch-adapter.js';
// Left out where there is none: support/elasticsearch-server.js
import { anyEvent } from './support/any-event.js';
import { allOf, eventOf, open, rejectionOf } from './support/events.js';
import { FaultProxy } from './support/fault-proxy.js';
import { realElasticsearch } from './support/real-elasticsearch.js';

const server = realElasticsearch();
const START = Date.UTC(2026, 0, 1);
const EVENTS: readonly MeshAuditEvent[] = Array.from({ length: 1_240 }, (_, index) =>
  eventOf(
    { action: index % 5 === 0 ? 'message.sent' : 'message.sent.elsewhere', success: index % 3 !== 0 },
    // Several of one moment: then the sequence decides.
    { sequence: index, timestamp: new Date(START + Math.floor(index / 4) * 1_000), eventType: index % 2 === 0 ? 'message' : 'connection', serviceId: index % 4 === 0 ? 'order service' : 'order' },
  ),
);
const opened = (proxy: FaultProxy): number => proxy.requests.filter((request) => /POST .*_pit/.test(request)).length;
const closed = (proxy: FaultProxy): number => proxy.requests.filter((request) => request.startsWith('DELETE /_pit')).length;

describe('a query', () => {
  let proxy: FaultProxy;
  let adapter: ElasticsearchAdapter;
  let index: string;

  beforeAll(async () => {
    proxy = await new FaultProxy(server().url).start();
    index = server().name('data stream');
    adapter = new ElasticsearchAdapter({ node: proxy.url, index, dataStream: true });
    // In another order than theirs.
    await adapter.logEvents([...EVENTS].reverse(), open);
    await server().ask('POST', `/${index}/_refresh`);
  });
  afterAll(async () => {
    await adapter.close();
    proxy.stop();
  });

  test.each<[string, AuditQuery, (event: MeshAuditEvent, index: number) => boolean]>([
    ['nothing: all, over several pages', {}, () => true],
    ['since, inclusive', { since: new Date(START + 90_000) }, ({ timestamp }) => timestamp.getTime() >= START + 90_000],
    ['until, exclusive', { until: new Date(START + 7_000) }, ({ timestamp }) => timestamp.getTime() < START + 7_000],
    ['a type', { eventType: 'connection' }, ({ eventType }) => eventType === 'connection'],
    ['a service, exactly', { serviceId: 'order' }, ({ serviceId }) => serviceId === 'order'],
    ['an action, exactly', { action: 'message.sent' }, ({ details }) => details.action === 'message.sent'],
    ['a part of a name: none', { serviceId: 'service' }, () => false],
    ['failures', { success: false }, ({ details }) => !details.success],
    ['successes', { success: true }, ({ details }) => details.success],
    ['a limit', { limit: 13 }, (_event, at) => at < 13],
    ['a limit above a page', { limit: 1_001 }, (_event, at) => at < 1_001],
    ['a limit of 0', { limit: 0 }, () => false],
    ['everything at once', { since: new Date(START + 10_000), eventType: 'message', serviceId: 'order service', success: true, limit: 2 }, (_event, at) => at === 40 || at === 44],
    ['members that are undefined', { since: undefined, limit: undefined, success: undefined }, () => true],
  ])('by %s gives what fits, oldest first, as it was logged', async (_what, filter, fits) => {
    expect(await allOf(adapter.query(filter))).toEqual(EVENTS.filter(fits));
    expect(closed(proxy)).toBe(opened(proxy));
  });

  test('of which the consumer breaks off reads no further page, and ends its point in time', async () => {
    const before = proxy.requests.length;
    for await (const event of adapter.query()) {
      expect(event).toEqual(EVENTS[0]);
      break;
    }
    expect(proxy.requests.slice(before).filter((request) => request.includes('_search'))).toHaveLength(1);
    expect(closed(proxy)).toBe(opened(proxy));
  });

  test('sees what was there when it began', async () => {
    const seen: MeshAuditEvent[] = [];
    for await (const event of adapter.query()) {
      if (seen.push(event) !== 1) continue;
      await adapter.logEvent(eventOf({}, { sequence: 5_000, timestamp: new Date(START + 1e9) }));
      await server().ask('POST', `/${index}/_refresh`);
    }
    expect(seen).toEqual(EVENTS);
  });

  test.each([['since', { since: new Date(Number.NaN) }], ['limit', { limit: -1 }], ['service', { service: 'order' }]])('with a wrong %s is refused at once', (path, filter) => {
    expect(() => adapter.query(filter as AuditQuery)).toThrow(new RegExp(`^invalid_option: ${path}:`));
  });

  test('whose page the server gives no whole answer to is an error, and no short trail', async () => {
    proxy.meets = (request) => request.includes('_search');
    proxy.next.push({ kind: 'status', status: 200, body: '{"timed_out":true,"hits":{"hits":[]}}' });
    expect(await rejectionOf(allOf(adapter.query()))).toMatchObject({ reason: 'adapter_failed', message: expect.stringContaining('is not whole') });
    proxy.next.push({ kind: 'status', status: 503 });
    expect(await rejectionOf(allOf(adapter.query()))).toMatchObject({ reason: 'adapter_failed', retryable: true });
    expect(closed(proxy)).toBe(opened(proxy));
  });
});

test('a query before the first event finds nothing', async () => {
  const adapter = new ElasticsearchAdapter({ node: server().url, index: server().name() });
  expect(await allOf(adapter.query())).toEqual([]);
  await adapter.close();
});

test('a document that is not ours is an error that names it', async () => {
  const index = server().name();
  const adapter = new ElasticsearchAdapter({ node: server().url, index });
  await adapter.logEvent(eventOf());
  await server().ask('PUT', `/${index}/_doc/foreign?refresh=true`, { '@timestamp': '2020-01-01T00:00:00Z', message: 'hello' });
  expect(await rejectionOf(allOf(adapter.query()))).toMatchObject({ code: 'DATA_LOSS', message: expect.stringContaining(`${index}/_doc/foreign is no audit event of ours: it has no event`) });
  await adapter.close();
});

test.each(['index', 'data stream'] as const)('whatever is logged, none of it is refused by a real %s, and it comes back as JSON has it', async (kind) => {
  const index = server().name(kind);
  const adapter = new ElasticsearchAdapter({ node: server().url, index, dataStream: kind === 'data stream' });
  const logged = new Map<string, MeshAuditEvent>();
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent, { minLength: 20, maxLength: 60 }), async (events) => {
      await adapter.logEvents(events, open);
      for (const event of events) logged.set(event.id, event);
    }),
    { numRuns: 10, endOnFailure: true },
  );
  await server().ask('POST', `/${index}/_refresh`);
  const found = await allOf(adapter.query());
  expect(found).toHaveLength(logged.size);
  for (const event of found) expect(JSON.parse(JSON.stringify(event))).toEqual(JSON.parse(JSON.stringify(logged.get(event.id))));
  await adapter.close();
});
