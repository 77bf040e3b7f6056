import { expect, test } from '@jest/globals';
import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { ElasticsearchAdapter } from '../src/elasticsearch-adapter.js';
import { startElasticsearchContract } from './support/elasticsearch-contract.js';
import { eventsOf } from './support/events.js';

/** What a lane does with a batch, without its waits: retryable failures come again as a whole, what is refused for good is halved. @returns what is given up */
async function deliver(adapter: ElasticsearchAdapter, events: readonly MeshAuditEvent[], clockMs: number): Promise<readonly MeshAuditEvent[]> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new MeshError('adapter_timeout', 'no answer in time')), clockMs);
    try {
      await adapter.logEvents(events, { signal: controller.signal });
      return [];
    } catch (error) {
      if (!MeshError.is(error)) throw error;
      if (error.retryable) continue;
      if (events.length === 1) return events;
      const half = events.length >> 1;
      return [...(await deliver(adapter, events.slice(0, half), clockMs)), ...(await deliver(adapter, events.slice(half), clockMs))];
    } finally {
      clearTimeout(timer);
    }
  }
  throw new Error('a batch was not taken in 200 attempts');
}

test.each([['index', false], ['data stream that rolls over all the time', true]] as const)('of 4,000 events through two nodes that fail a third of the requests, in a %s, each is there once', async (_what, dataStream) => {
  const cluster = await startElasticsearchContract({
    nodes: 2,
    ...(dataStream ? { rolloverEvery: 150 } : {}),
    faults: { rate: 0.33, seed: 7, kinds: ['408', '429', '500', '503', 'reset-before', 'reset-after', 'reset-in-answer', 'garbage', 'half-accepted'] },
  });
  const index = dataStream ? 'logs-mesh.audit-lossless' : 'mesh-lossless';
  const adapter = new ElasticsearchAdapter({ node: [...cluster.urls], index, dataStream, logger: { debug() {}, info() {}, warn() {}, error() {} } });
  try {
    const events = eventsOf(4_000);
    for (let from = 0; from < events.length; from += 100) expect(await deliver(adapter, events.slice(from, from + 100), 5_000)).toEqual([]);
    expect(cluster.duplicates).toEqual([]);
    expect(cluster.count(index)).toBe(4_000);
    expect(new Set(cluster.documents(index).map(({ id }) => id))).toEqual(new Set(events.map(({ id }) => id)));
    expect(Object.keys(cluster.faults).length).toBeGreaterThan(7);
  } finally {
    await adapter.close();
    await cluster.stop();
  }
});
