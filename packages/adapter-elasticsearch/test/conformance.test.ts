import { describe, it } from '@jest/globals';
import { describeAdapter } from '@lemur-bookstores/adapter-testkit';
import { ElasticsearchAdapter } from '../src/elasticsearch-adapter.js';
import { eventOfDocument } from '../src/stored-event.js';
// Left out where there is none: support/elasticsearch-server.js
import { FaultProxy, type Fault } from './support/fault-proxy.js';
import { eventOf } from './support/events.js';
import { realElasticsearch } from './support/real-elasticsearch.js';

const server = realElasticsearch();
const apiKey = 'bWVzaDprZXktN2YzYzlhMWU1YjJkNDhmMDZj';

describeAdapter({
  name: 'ElasticsearchAdapter, in a data stream of a real server behind a proxy that spoils requests',
  runner: { describe, it },
  supports: { batches: true, durable: true, hanging: true, failures: ['retryable', 'permanent', 'throttled', 'partial'] },
  patienceMs: 8_000,
  create: async () => {
    const proxy = await new FaultProxy(server().url).start();
    const index = server().name('data stream');
    // Calls at the same time would else find an index whose shard is about to start: a lane tries again then, the kit does not.
    const first = new ElasticsearchAdapter({ node: server().url, index, dataStream: true });
    await first.logEvent(eventOf());
    await first.close();
    for (const { _index, _id } of await server().stored(index)) await server().ask('DELETE', `/${_index}/_doc/${_id}`);
    return {
      // A server without security looks at no key.
      construct: () => new ElasticsearchAdapter({ node: proxy.url, index, dataStream: true, auth: { apiKey } }),
      received: async () => (await server().stored(index)).map(({ _source }) => eventOfDocument(_source, index)),
      fail: ({ kind: failure, retryAfterMs }) => {
        const faults: Record<typeof failure, Fault> = {
          retryable: { kind: 'status', status: 503 },
          permanent: { kind: 'status', status: 400 },
          throttled: { kind: 'status', status: 429, headers: { 'retry-after': String(retryAfterMs / 1_000) } },
          partial: { kind: 'partial' },
        };
        if (failure === 'partial') proxy.next.push(faults.partial);
        proxy.always = failure === 'partial' ? { kind: 'status', status: 503 } : faults[failure];
      },
      hang: () => void (proxy.always = { kind: 'hang' }),
      release: () => proxy.release(),
      secrets: [apiKey],
      dispose: () => proxy.stop(),
    };
  },
});
