import { afterEach, describe, expect, test } from '@jest/globals';
import { ElasticsearchAdapter } from '../src/elasticsearch-adapter.js';
import type { ElasticsearchAdapterOptions } from '../src/elasticsearch-adapter-options.js';
// Left out where there is none: support/elasticsearch-server.js
import { allOf, eventOf, eventsOf, open, rejectionOf } from './support/events.js';
import { realElasticsearch } from './support/real-elasticsearch.js';
import { RecordedLog } from './support/recorded-log.js';

const server = realElasticsearch();
const adapters: ElasticsearchAdapter[] = [];
const adapterOf = (options: Partial<ElasticsearchAdapterOptions> & { index: string }): ElasticsearchAdapter => {
  const adapter = new ElasticsearchAdapter({ node: server().url, ...options });
  adapters.push(adapter);
  return adapter;
};
afterEach(async () => {
  for (const adapter of adapters.splice(0)) await adapter.close();
});

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
