import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { ElasticsearchAdapter } from '@lemur-bookstores/adapter-elasticsearch';
import { silentLogger } from '@lemur-bookstores/mesh-interface';
import { SecureMesh } from '../src/secure-mesh.js';
import { allIds, elasticsearchUrl, removeFrom, startElasticsearch, type ElasticsearchServer } from './support/elasticsearch-server.js';
import { faultyElasticsearch } from './support/faulty-elasticsearch.js';
import { described, LANE, NOTHING_LOST, played, runThroughTrouble, verdictOf } from './support/lossless-run.js';
import { Random } from './support/random.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
let server: ElasticsearchServer | undefined;
let url: string;
beforeAll(async () => {
  server = elasticsearchUrl() === undefined ? await startElasticsearch() : undefined;
  url = elasticsearchUrl() ?? (server as ElasticsearchServer).url;
}, 150_000);
afterEach(() => bed.close());
afterAll(async () => {
  await bed.remove();
  await server?.stop();
});

const KINDS = ['408', '429', '429-retry-after', '500', '503', 'reset-before', 'reset-after', 'reset-in-answer', 'slow-body', 'garbage', 'half-accepted'];

test('a real Elasticsearch behind a proxy that fails 30 % of the requests and is away for 10 s has each of 100,000 events exactly once', async () => {
  const { seed } = new Random();
  // One of its own, also where the server is the user's and keeps those of earlier runs.
  const index = `logs-mesh.audit-lossless-${seed}`;
  // The last to be closed.
  bed.closing({ close: () => removeFrom(url, [index]) });
  const proxy = await faultyElasticsearch(url, { rate: 0.3, kinds: KINDS, seed }).start();
  bed.closing({ close: () => proxy.stop() });
  const adapter = new ElasticsearchAdapter({ node: proxy.url, index, dataStream: true });
  const monitoring = { adapters: [adapter], spill: { directory: join(bed.folder, `spill-${index}`) }, ...LANE };
  const mesh = bed.closing(new SecureMesh({ serviceId: 'orders', port: 0, paths: bed.paths, logger: silentLogger, monitoring }));
  await mesh.initialize();
  const run = await runThroughTrouble(mesh, proxy, { seed });
  const ids = await allIds(url, index);
  console.log(described(run, { faults: proxy.faults.counts, requests: proxy.requests }));
  expect(verdictOf(run)).toEqual({ ...NOTHING_LOST, withinBounds: expect.any(Boolean) });
  const arrived = new Set(ids);
  expect([...run.ids].filter((id) => !arrived.has(id))).toEqual([]);
  expect([ids.length, arrived.size]).toEqual([run.lane.delivered, run.lane.delivered]);
  expect(played(proxy.faults.counts)).toBeGreaterThan(0.15 * proxy.requests);
}, 180_000);
