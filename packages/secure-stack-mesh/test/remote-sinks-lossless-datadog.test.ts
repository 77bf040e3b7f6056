import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { DatadogAdapter } from '@lemur-bookstores/adapter-datadog';
import { silentLogger } from '@lemur-bookstores/mesh-interface';
import { SecureMesh } from '../src/secure-mesh.js';
import { ContractProcess } from './support/contract-process.js';
import { described, LANE, NOTHING_LOST, played, runThroughTrouble, verdictOf } from './support/lossless-run.js';
import { Random } from './support/random.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const API_KEY = '0123456789abcdef0123456789abcdef';

test('Datadog fails 30 % of the requests and is away for 10 s: each of 100,000 events is there at least once, with its id', async () => {
  const { seed } = new Random();
  const sink = bed.closing(await ContractProcess.start('datadog', { apiKey: API_KEY, keep: 'ids', faults: { rate: 0.3, seed } }));
  const adapter = new DatadogAdapter({ apiKey: API_KEY, service: 'orders', logsUrl: sink.url, metricsUrl: sink.url });
  const monitoring = { adapters: [adapter], spill: { directory: join(bed.folder, 'spill') }, ...LANE };
  const mesh = bed.closing(new SecureMesh({ serviceId: 'orders', port: 0, paths: bed.paths, logger: silentLogger, monitoring }));
  await mesh.initialize();
  const run = await runThroughTrouble(mesh, sink, { seed });
  const { ids, faults, requests } = await sink.state();
  console.log(described(run, { faults, requests }));
  expect(verdictOf(run)).toEqual(NOTHING_LOST);
  const arrived = new Map(ids);
  expect([...run.ids].filter((id) => !arrived.has(id))).toEqual([]);
  // The mesh's own are there as well, and none that nobody recorded.
  expect(arrived.size).toBe(run.lane.delivered);
  expect(played(faults)).toBeGreaterThan(0.15 * requests);
}, 120_000);
