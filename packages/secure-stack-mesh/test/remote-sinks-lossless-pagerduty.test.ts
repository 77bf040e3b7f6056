import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { AlertingAdapter } from '@lemur-bookstores/adapter-pagerduty';
import { silentLogger, type AuditEventInput } from '@lemur-bookstores/mesh-interface';
import { SecureMesh } from '../src/secure-mesh.js';
import { ContractProcess } from './support/contract-process.js';
import type { ContractAlert } from './support/contract-servers.js';
import { described, EVENTS, LANE, NOTHING_LOST, ordinaryEvent, played, runThroughTrouble, verdictOf } from './support/lossless-run.js';
import { Random } from './support/random.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

interface PagerDutyState {
  readonly alerts: readonly ContractAlert[];
  readonly counts: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly mostCallsInWindow: number;
}

const KEY = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const PEERS = 25;
/** A breaker opens, and closes so many events later: before PagerDuty goes away, while it is away, or in between. */
const OPENS_EVERY = EVENTS / PEERS / 2;
const CLOSES_AFTER = EVENTS / 2 - 1;
/** Of the 10,000 errors: longer than PagerDuty is away, and what the machine takes to tell of it. None is delivered meanwhile, and an incident that ended for that would open twice. */
const CALM_MS = 20_000;

function eventAt(index: number): AuditEventInput {
  if (index % OPENS_EVERY === 0 && index < EVENTS / 2) return breaker('breaker.opened', index / OPENS_EVERY);
  if ((index - CLOSES_AFTER) % OPENS_EVERY === 0 && index >= CLOSES_AFTER) return breaker('breaker.closed', (index - CLOSES_AFTER) / OPENS_EVERY);
  if (index % 10 === 5) return { eventType: 'error', details: { action: 'app.failed', success: false, error: 'database_down: no connection' } };
  return ordinaryEvent(index);
}

const breaker = (action: string, peer: number): AuditEventInput => ({
  eventType: 'circuit_breaker', targetServiceId: `peer-${peer}`, details: { action, success: action !== 'breaker.opened', metadata: { direction: 'outbound', endpoint: `10.0.0.${peer}:50051` } },
});

const KINDS = ['408', '429', '429-retry-after', '500', '503', 'reset-before', 'reset-after', 'reset-in-answer', 'slow-body', 'garbage'];

test('PagerDuty fails 30 % of the requests and is away for 10 s: of 100,000 events each incident is told once, and resolved', async () => {
  const { seed } = new Random();
  const sink = bed.closing(await ContractProcess.start<PagerDutyState>('pagerduty', { keys: [KEY], faults: { rate: 0.3, kinds: KINDS, seed } }));
  const adapter = new AlertingAdapter({ integrationKey: KEY, url: sink.url, rules: { errorBurst: { calmMs: CALM_MS } } });
  const monitoring = { adapters: [adapter], spill: { directory: join(bed.folder, 'spill') }, ...LANE };
  const mesh = bed.closing(new SecureMesh({ serviceId: 'orders', port: 0, paths: bed.paths, logger: silentLogger, monitoring }));
  await mesh.initialize();
  const run = await runThroughTrouble(mesh, sink, { seed, eventAt });
  let state = await sink.state();
  const isOver = ({ alerts }: PagerDutyState): boolean => alerts.length > PEERS && alerts.every(({ status }) => status === 'resolved');
  await until('every incident is resolved', async () => isOver((state = await sink.state())), 90_000);
  const { alerts, counts, faults, requests, mostCallsInWindow } = state;
  console.log(described(run, { counts, faults, requests, mostCallsInWindow }));
  expect(verdictOf(run)).toEqual({ ...NOTHING_LOST, failed: expect.any(Boolean) });
  const told = Object.fromEntries(alerts.map(({ dedupKey, status, opened }) => [dedupKey, `${status}, opened ${opened}`]));
  const keys = [...Array.from({ length: PEERS }, (_, peer) => `production/orders/breakerOpen/peer-${peer}`), 'production/orders/errorBurst'].map((key) => `mesh/${key}`);
  expect(told).toEqual(Object.fromEntries(keys.map((key) => [key, 'resolved, opened 1'])));
  expect([counts['invalid'], counts['throttled']]).toEqual([0, 0]);
  expect(mostCallsInWindow).toBeLessThanOrEqual(120);
  expect(played(faults)).toBeGreaterThan(0.05 * requests);
}, 240_000);
