import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { ElasticsearchAdapter } from '@lemur-bookstores/adapter-elasticsearch';
import { silentLogger } from '@lemur-bookstores/mesh-interface';
import { SecureMesh } from '../src/secure-mesh.js';
import { ContractProcess } from './support/contract-process.js';
import { described, LANE, NOTHING_LOST, played, runThroughTrouble, verdictOf } from './support/lossless-run.js';
import { Random } from './support/random.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

interface ElasticsearchState {
  readonly ids: readonly string[];
  readonly duplicates: readonly string[];
  readonly count: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly refusedItems: number;
}

// The protocol-level server: what it cannot be told apart by from a real one is shown in adapter-elasticsearch.
const KINDS = ['408', '429', '429-retry-after', '500', '503', 'reset-before', 'reset-after', 'reset-in-answer', 'slow-body', 'garbage', 'half-accepted'];

test.each([
  { where: 'a data stream', options: { index: 'logs-mesh.audit-lossless', dataStream: true } },
  { where: 'an index', options: { index: 'mesh-audit' } },
])('Elasticsearch fails 30 % of the requests and is away for 10 s: each of 100,000 events is exactly once in $where', async ({ options }) => {
  const { seed } = new Random();
  const sink = bed.closing(await ContractProcess.start<ElasticsearchState>('elasticsearch', { faults: { rate: 0.3, kinds: KINDS, seed } }));
  const adapter = new ElasticsearchAdapter({ node: sink.url, ...options });
  const monitoring = { adapters: [adapter], spill: { directory: join(bed.folder, `spill-${options.index}`) }, ...LANE };
  const mesh = bed.closing(new SecureMesh({ serviceId: 'orders', port: 0, paths: bed.paths, logger: silentLogger, monitoring }));
  await mesh.initialize();
  const run = await runThroughTrouble(mesh, sink, { seed });
  const { ids, duplicates, count, ...figures } = await sink.state();
  console.log(described(run, figures));
  expect(verdictOf(run)).toEqual(NOTHING_LOST);
  const arrived = new Set(ids);
  expect([...run.ids].filter((id) => !arrived.has(id))).toEqual([]);
  expect([duplicates, count, arrived.size]).toEqual([[], run.lane.delivered, run.lane.delivered]);
  expect(played(figures.faults)).toBeGreaterThan(0.15 * figures.requests);
}, 180_000);
