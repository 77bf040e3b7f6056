import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { FakeClock, silentLogger, type AdapterContext, type AuditLaneStats, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { Credential, HttpSink } from '@lemur-bookstores/mesh-sink';
import type { DatadogAdapter } from '../src/datadog-adapter.js';
import { DatadogIntake } from '../src/datadog-intake.js';
import { DURATION_GAUGES, METRICS } from '../src/datadog-metric-table.js';
import { DatadogMetrics } from '../src/datadog-metrics.js';
import { adapterFor, API_KEY, atEnd, serverWith } from './support/setting.js';
import type { DatadogServer } from './support/datadog-server.js';
import { callsOf, snapshotOf } from './support/snapshots.js';

const START = Date.UTC(2026, 10, 26, 12);

interface Setting {
  readonly server: DatadogServer;
  readonly adapter: DatadogAdapter;
  readonly clock: FakeClock;
  /** A snapshot of this time. */
  submit(more?: Partial<MetricsSnapshot>): Promise<void>;
}

async function setting(options: Parameters<typeof adapterFor>[1] = {}): Promise<Setting> {
  const clock = new FakeClock(START);
  const server = await serverWith({ now: () => clock.now() });
  const adapter = adapterFor(server, { clock, ...options });
  await adapter.start({ clock, logger: silentLogger, metrics: () => snapshotOf() } as Partial<AdapterContext> as AdapterContext);
  return { server, adapter, clock, submit: async (more = {}) => adapter.logMetrics?.(snapshotOf({ timestamp: clock.now(), ...more })) };
}

const lane: AuditLaneStats = {
  adapter: 'file', durable: true, emitted: 100, recovered: 0, filtered: 1, delivered: 90, queued: 5, spilled: 2, spillBytes: 2_048, spillMaxBytes: 1 << 30, deadLettered: 1, dropped: 1, lostGaps: 0, failures: 3,
  lastSuccessAt: START - 4_000, failing: false, queueFill: 0.25, full: false, oldestQueuedMs: 1_500, deliveryTimeoutMs: 10_000,
};

/** A mesh of which everything can be said. */
const full = snapshotOf({
  timestamp: START,
  calls: [
    callsOf('charge', [50, 40, 10, 0], { started: 103, ended: { OK: 98, UNAVAILABLE: 2 } }),
    callsOf('charge', [0, 0, 0, 4], { peer: 'billing' }),
    callsOf('getUser', [10, 0, 0, 0], { direction: 'outbound', peer: 'users' }),
  ],
  sessions: { inbound: 2, outbound: 1 }, bytes: { sent: 12_345, received: 67_890 }, handshakes: { ok: 3, peer_untrusted: 1 }, retries: 2, rateLimited: 1, overloaded: 4,
  breakers: [{ service: 'users', endpoint: '10.1.7.9:50051', state: 'half-open' }], rekeys: 2, rekeysByTrigger: { interval: 2 }, rekeysFailed: 1,
  keys: { staticKey: { ageMs: 60_000, intervalMs: 3_600_000, overdue: false }, oldestSessionKeyMs: 30_000 }, certificate: { notAfter: START + 86_400_000 }, authorizationDenied: 6,
  eventLoop: { meanMs: 0.4, p99Ms: 2.1, maxMs: 12.5, utilization: 0.2 },
});
const fullWithAudit = { ...full, stats: { ...full.stats, connectedServices: ['orders', 'users'], audit: { emitted: 100, adapters: [lane] } } };

test('a snapshot is the series that the golden file says', async () => {
  const { server, adapter, clock } = await setting({ env: 'production', tags: { team: 'payments' } });
  await clock.advance(10_000);
  await adapter.logMetrics?.({ ...fullWithAudit, timestamp: clock.now() });
  const points = server.points.map(({ metric, type, interval, unit, value, tags, host, timestamp }) => {
    expect({ host, timestamp }).toEqual({ host: 'host-1', timestamp: START / 1_000 + 10 });
    expect(tags.slice(0, 4)).toEqual(['service:order-service', 'env:production', 'team:payments', 'mesh_service:payments']);
    return [metric, type === 1 ? `count of ${interval} s` : 'gauge', value, unit ?? '', ...tags.slice(4)].join('  ').trim();
  });
  const file = new URL('golden/series.txt', import.meta.url);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, `${points.join('\n')}\n`);
  expect(points).toEqual(readFileSync(file, 'utf8').trimEnd().split('\n'));
  expect(Object.values(server.losses).every((count) => count === 0)).toBe(true);
  const sent = new Set(server.points.map(({ metric }) => metric));
  const promised = METRICS.flatMap(({ name, type }) => (type === 'durations' ? DURATION_GAUGES.map((gauge) => `${name}.${gauge}`) : [name]));
  expect([...sent].sort()).toEqual([...promised, 'mesh.metrics.omitted_series'].sort());
});

test('counts are what was added since the last submission, over the time since then', async () => {
  const { server, clock, submit } = await setting();
  await clock.advance(10_000);
  await submit({ retries: 5 });
  await clock.advance(10_000);
  await submit({ retries: 5 });
  await clock.advance(20_000);
  await submit({ retries: 12 });
  expect(server.pointsOf('mesh.retries').map(({ value, interval, type }) => [value, interval, type])).toEqual([[5, 10, 1], [0, 10, 1], [7, 20, 1]]);
});

test.each(['503', 'reset-before', '429', '400', '413', 'garbage'])('after a failure (%s) the next submission has it all, once', async (fault) => {
  const { server, clock, submit } = await setting();
  await clock.advance(10_000);
  await submit({ retries: 5, handshakes: { ok: 1 } });
  await clock.advance(10_000);
  server.faults.failNext(fault, { count: Infinity });
  await expect(submit({ retries: 8, handshakes: { ok: 2, peer_untrusted: 3 }, calls: [callsOf('a', [1, 0, 0, 0])] })).rejects.toMatchObject({ retryable: !/^4[01]/.test(fault) });
  server.faults.clear();
  await clock.advance(10_000);
  await submit({ retries: 9, handshakes: { ok: 2, peer_untrusted: 4 }, calls: [callsOf('a', [1, 1, 0, 0])] });
  expect(server.pointsOf('mesh.retries').map(({ value, interval }) => [value, interval])).toEqual([[5, 10], [4, 20]]);
  // Seen for the first time in the submission that failed.
  expect(server.pointsOf('mesh.handshakes', 'outcome:failed').map(({ value, interval }) => [value, interval])).toEqual([[4, 20]]);
  expect(server.sumOf('mesh.handshakes', 'outcome:ok')).toBe(2);
  expect(server.sumOf('mesh.call.duration.count')).toBe(2);
  expect(server.pointsOf('mesh.call.duration.avg').map(({ value }) => value)).toEqual([0.05]);
});

test('an answer that was lost means that it comes twice, and never that it does not', async () => {
  const { server, submit } = await setting();
  server.faults.failNext('reset-in-answer');
  await expect(submit({ retries: 5 })).rejects.toMatchObject({ retryable: true });
  await submit({ retries: 6 });
  expect(server.pointsOf('mesh.retries').map(({ value }) => value)).toEqual([5, 6]);
});

test('a count that rests and goes on has the time of the last look, not of the last change', async () => {
  const { server, clock, submit } = await setting();
  await submit({ handshakes: { ok: 1 } });
  for (let i = 0; i < 50; i++) {
    await clock.advance(10_000);
    await submit({ handshakes: { ok: 1 } });
  }
  await clock.advance(10_000);
  await submit({ handshakes: { ok: 3 } });
  expect(server.pointsOf('mesh.handshakes').map(({ value, interval }) => [value, interval])).toEqual([[1, 1], [2, 10]]);
});

test('a count that went down, or another mesh, begins anew', async () => {
  const { server, clock, submit } = await setting();
  await submit({ retries: 50, calls: [callsOf('a', [9, 0, 0, 0])] });
  await clock.advance(10_000);
  await submit({ retries: 3, calls: [callsOf('a', [0, 2, 0, 0])] });
  await submit({ serviceId: 'another', retries: 7 });
  expect(server.pointsOf('mesh.retries').map(({ value, tags }) => [value, tags.at(-1)])).toEqual([[50, 'mesh_service:payments'], [3, 'mesh_service:payments'], [7, 'mesh_service:another']]);
  expect(server.sumOf('mesh.call.duration.count')).toBe(11);
  expect(server.pointsOf('mesh.call.duration.p50').map(({ value }) => value.toFixed(6))).toEqual(['0.005000', '0.055000']);
});

test('quantiles are of what came meanwhile, of all peers of a method, and of all methods of a peer', async () => {
  const { server, submit } = await setting();
  await submit({ calls: [callsOf('a', [100, 0, 0, 0]), callsOf('b', [0, 0, 0, 100])] });
  await submit({ calls: [callsOf('a', [100, 90, 10, 0]), callsOf('a', [0, 0, 0, 100], { peer: 'billing' }), callsOf('b', [0, 0, 0, 100])] });
  const latest = (metric: string, tag: string): number | undefined => server.pointsOf(metric, tag).at(-1)?.value;
  // 90 of up to 100 ms, 10 of up to 1 s, 100 above all bounds.
  expect(latest('mesh.call.duration.p50', 'method:a')).toBeCloseTo(1);
  expect(latest('mesh.call.duration.p99', 'method:a')).toBe(1);
  expect(latest('mesh.peer.duration.p50', 'peer:orders')).toBeCloseTo(0.01 + 0.09 * (50 / 90));
  expect(latest('mesh.peer.duration.p95', 'peer:orders')).toBeCloseTo(0.55);
  expect(latest('mesh.call.duration.avg', 'method:a')).toBeCloseTo(0.05);
  // Nothing ended meanwhile: nothing is said.
  expect(server.pointsOf('mesh.call.duration.p50', 'method:b')).toHaveLength(1);
});

test('what Datadog takes for the same tags is one series', async () => {
  const { server, submit } = await setting();
  const calls = (one: number, other: number): MetricsSnapshot['calls'] => [callsOf('getUser', [one, 0, 0, 0]), callsOf('getuser', [other, 0, 0, 0]), callsOf('get user, all', [one, 0, 0, 0])];
  await submit({ calls: calls(5, 2) });
  await submit({ calls: calls(6, 9) });
  expect(server.pointsOf('mesh.calls.started', 'method:getuser').map(({ value }) => value)).toEqual([7, 8]);
  expect(server.pointsOf('mesh.calls.started', 'method:get_user__all').map(({ value }) => value)).toEqual([5, 1]);
  expect(server.losses['tags']).toBe(0);
});

test('calls that the mesh forgot, and counts anew, are all new', async () => {
  const { server, submit } = await setting();
  for (const calls of [[callsOf('a', [5, 0, 0, 0])], [], [callsOf('a', [7, 0, 0, 0])]]) await submit({ calls });
  expect(server.pointsOf('mesh.calls.started').map(({ value }) => value)).toEqual([5, 7]);
});

test('of gauges that have the same tags the worst is sent', async () => {
  const { server, submit } = await setting();
  await submit({ breakers: [{ service: 'users', endpoint: 'host-a:1', state: 'closed' }, { service: 'Users', endpoint: 'host-a:1', state: 'open' }] });
  expect(server.pointsOf('mesh.circuit.state').map(({ value }) => value)).toEqual([2]);
});

test('a snapshot of another time has points of now: others would be taken and gone', async () => {
  const { server, adapter, clock } = await setting();
  for (const ms of [-1_200_000, -3_600_000, 3_600_000, 720_000]) await adapter.logMetrics?.(snapshotOf({ timestamp: clock.now() + ms }));
  expect(server.pointsOf('mesh.retries').map(({ timestamp }) => timestamp * 1_000 - START)).toEqual([-1_200_000, 0, 1_000, 2_000]);
  expect(server.losses).toMatchObject({ latePoints: 0, aheadPoints: 0 });
});

test('a clock that is set back by minutes makes no two submissions of the same second', async () => {
  const { server, adapter, clock } = await setting();
  const at = (ms: number, retries: number): unknown => adapter.logMetrics?.(snapshotOf({ timestamp: clock.now() + ms, retries }));
  for (let tick = 0; tick <= 30; tick++) await at(10_000 * (tick - 30), tick);
  for (let tick = 1; tick <= 60; tick++) await at(10_000 * (tick - 30), 30 + tick);
  expect(server.losses).toMatchObject({ overwritten: 0, latePoints: 0, aheadPoints: 0 });
  expect(server.sumOf('mesh.retries')).toBe(90);
});

test('at the same time one goes after the other, and nothing counts twice', async () => {
  const { server, submit } = await setting();
  await Promise.all([submit({ retries: 3 }), submit({ retries: 5 }), submit({ retries: 5 })]);
  expect(server.pointsOf('mesh.retries').map(({ value }) => value)).toEqual([3, 2, 0]);
});

test('each submission has a second of its own: of two points of one second Datadog keeps the later one', async () => {
  const { server, adapter, clock, submit } = await setting();
  for (const retries of [3, 5, 6]) await submit({ retries });
  await clock.advance(1_000);
  await submit({ retries: 10 });
  // The machine's clock was put back: points that are far ahead would be gone.
  for (const ms of [-7_200_000, -7_200_000]) await adapter.logMetrics?.(snapshotOf({ timestamp: clock.now() + ms, retries: 10 }));
  await adapter.logMetrics?.(snapshotOf({ timestamp: clock.now() - 1_800_000, retries: 12 }));
  expect(server.pointsOf('mesh.retries').map(({ value, timestamp }) => [value, timestamp - START / 1_000])).toEqual([[3, 0], [2, 1], [1, 2], [4, 3], [0, 4], [0, 5], [2, -1_799]]);
  expect(server.losses).toMatchObject({ overwritten: 0, latePoints: 0, aheadPoints: 0 });
});

test('no more than a few submissions wait for one that hangs, and those that may not are in the next', async () => {
  const { server, submit } = await setting();
  server.faults.failNext('hang');
  const given = Array.from({ length: 10 }, (_, index) => submit({ retries: index + 1 }).then(() => 'taken', (error: unknown) => error));
  expect(await Promise.all(given.slice(5))).toEqual(Array.from({ length: 5 }, () => expect.objectContaining({ reason: 'adapter_failed', retryable: true })));
  while (server.requests === 0) await new Promise((resolve) => setImmediate(resolve));
  server.release();
  expect(await Promise.all(given.slice(0, 5))).toEqual([expect.objectContaining({ retryable: true }), 'taken', 'taken', 'taken', 'taken']);
  await submit({ retries: 20 });
  expect(server.sumOf('mesh.retries')).toBe(20);
});

test('where not even one series is taken, no further ones are tried', async () => {
  const server = await serverWith({ limits: { seriesBytes: 100 } });
  await expect(adapterFor(server).logMetrics?.({ ...fullWithAudit })).rejects.toMatchObject({ reason: 'sink_too_large', retryable: false });
  expect(server.requests).toBeLessThan(10);
});

test('more than a request takes goes in several; of those that failed the counts come again, of the others not', async () => {
  const { server, clock, submit } = await setting();
  const calls = Array.from({ length: 1_500 }, (_, index) => callsOf(`method-${index}-${'x'.repeat(150)}`, [1, 0, 0, 0]));
  const first = submit({ calls });
  server.faults.failNext('slow-body');
  server.faults.failNext('503');
  await expect(first).rejects.toMatchObject({ retryable: true });
  expect(server.requests).toBe(2);
  expect(server.points.length).toBeGreaterThan(1_000);
  await clock.advance(10_000);
  await submit({ calls });
  for (const metric of ['mesh.calls.ended', 'mesh.call.duration.count', 'mesh.calls.started']) expect([metric, server.sumOf(metric)]).toEqual([metric, 1_500]);
  expect(server.log.every(({ sentBytes }) => sentBytes < 512_000)).toBe(true);
});

test('what is too large is halved until it is taken', async () => {
  const clock = new FakeClock(START);
  const server = await serverWith({ now: () => clock.now(), limits: { seriesBytes: 3_000 } });
  await adapterFor(server, { clock }).logMetrics?.({ ...fullWithAudit });
  expect(server.requests).toBeGreaterThan(8);
  expect(server.sumOf('mesh.calls.ended')).toBe(114);
  expect(server.pointsOf('mesh.retries')).toHaveLength(1);
});

test('beyond the bound of series those used least are left out, said once, and counted when there is room', async () => {
  const server = await serverWith();
  const clock = new FakeClock(Date.now());
  const sink = new HttpSink({ noun: 'Datadog', userAgent: 'test', clock: () => clock });
  atEnd(() => sink.close());
  const intake = new DatadogIntake({ sink, url: new URL(server.metricsUrl), apiKey: new Credential(API_KEY), clock: () => clock, open: '{"series":[', close: ']}', maxBytes: 1_000_000, maxPieces: 1_000 });
  const warnings: unknown[] = [];
  const metrics = new DatadogMetrics({ intake, clock: () => clock, logger: () => ({ ...silentLogger, warn: (...said: unknown[]) => void warnings.push(said) }), hostname: () => 'host-1', tags: [], maxSeries: 120 });
  const calls = (used: number): MetricsSnapshot['calls'] => Array.from({ length: 60 }, (_, index) => callsOf(`m${index}`, [index < used ? 2 : 1, 0, 0, 0], { idleMs: index }));
  const seriesOfRound = async (used: number): Promise<number> => {
    const before = server.points.length;
    await metrics.submit(snapshotOf({ calls: calls(used) }));
    return server.points.length - before;
  };
  expect(await seriesOfRound(0)).toBeLessThanOrEqual(120);
  expect(server.pointsOf('mesh.metrics.omitted_series')[0]?.value).toBeGreaterThan(100);
  expect(server.pointsOf('mesh.call.duration.p50', 'method:m0')).toHaveLength(1);
  expect(server.pointsOf('mesh.call.duration.p50', 'method:m59')).toHaveLength(0);
  for (let round = 0; round < 10; round++) expect(await seriesOfRound(1)).toBeLessThanOrEqual(120);
  expect(warnings).toHaveLength(1);
  expect(server.sumOf('mesh.calls.started')).toBe(61);
  expect(server.sumOf('mesh.calls.ended')).toBe(61);
});

test('at its end a mesh gets its last counts to Datadog', async () => {
  const { server, adapter, clock, submit } = await setting();
  await submit({ retries: 3 });
  await adapter.start({ clock, logger: silentLogger, metrics: () => snapshotOf({ timestamp: clock.now(), retries: 5 }) } as Partial<AdapterContext> as AdapterContext);
  await Promise.all([adapter.close(), adapter.close()]);
  expect(server.pointsOf('mesh.retries').map(({ value }) => value)).toEqual([3, 2]);
  await adapter.close();
  expect(server.requests).toBe(2);
});

test.each(['503', 'hang'])('where they are not taken (%s), the end comes all the same, and is said', async (fault) => {
  const warnings: string[] = [];
  const { server, adapter, clock } = await setting({ logger: { ...silentLogger, warn: (message, fields) => void warnings.push(`${message}: ${String(fields?.['error'])}`) } });
  server.faults.failNext(fault);
  const closed = adapter.close();
  if (fault === 'hang') {
    while (server.requests === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1_000);
  }
  await closed;
  expect(warnings).toEqual([expect.stringMatching(fault === 'hang' ? /adapter_timeout/ : /answered 503/)]);
  expect(clock.pendingTimers).toBe(0);
});

test("a logger and a clock among the options go before the mesh's", async () => {
  const said: string[] = [];
  const loggerOf = (name: string) => ({ ...silentLogger, warn: () => void said.push(name) });
  const [own, ofMesh] = [new FakeClock(START), new FakeClock(START)];
  const server = await serverWith({ now: () => own.now() });
  const adapter = adapterFor(server, { clock: own, logger: loggerOf('own') });
  await adapter.start({ clock: ofMesh, logger: loggerOf('of the mesh'), metrics: () => snapshotOf() } as Partial<AdapterContext> as AdapterContext);
  server.faults.failNext('hang');
  const closed = adapter.close();
  while (server.requests === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(ofMesh.pendingTimers).toBe(0);
  await own.advance(1_000);
  await closed;
  expect(said).toEqual(['own']);
});

test('without metrics there is no logMetrics; closed, it rejects', async () => {
  const server = await serverWith();
  expect(adapterFor(server, { metrics: false }).logMetrics).toBeUndefined();
  const adapter = adapterFor(server);
  await adapter.close();
  await expect(adapter.logMetrics?.(snapshotOf())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
});

test('names of metrics and tags are as Datadog wants them', () => {
  for (const { name, tags } of METRICS) {
    expect(name).toMatch(/^mesh\.[a-z0-9_.]{1,90}$/);
    for (const tag of tags) expect(tag).toMatch(/^[a-z_]+$/);
  }
});
