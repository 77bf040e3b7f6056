import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, test } from '@jest/globals';
import { METRICS, PrometheusAdapter } from '@lemur-bookstores/adapter-prometheus';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { Registry } from 'prom-client';
import type { SecureMeshOptions } from '../src/options.js';
import type { SecureMesh } from '../src/secure-mesh.js';
import { eventually, query, services, type Service } from './support/services.js';
import { TestBed } from './support/test-bed.js';

interface Target { readonly refId: string; readonly expr: string; readonly legendFormat: string; readonly datasource: { readonly uid: string } }
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[] };
}

const read = (path: string): string => readFileSync(new URL(`../../adapter-prometheus/${path}`, import.meta.url), 'utf8');
const dashboard = JSON.parse(read('dashboards/secure-stack-mesh.json')) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ refId, expr }) => ({ of: `${title} ${refId}`, expr })));
const bed = new TestBed();
afterAll(() => bed.remove());

/** A query as Grafana sends it, with everything chosen. */
const asSent = (expr: string): string => expr.replaceAll('$service', '.*').replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m');

/** Name and expression of each rule of a file. */
function rulesOf(file: string, kind: 'record' | 'alert'): { readonly of: string; readonly expr: string }[] {
  return read(file).split(`- ${kind}: `).slice(1).map((rule) => {
    const [of = ''] = rule.split('\n');
    const [, block, line] = /\n +expr: (?:\|\n((?: {10}.*\n?)+)|(.*))/.exec(rule) ?? [];
    return { of, expr: (block ?? line ?? '').replaceAll(/\s+/g, ' ').trim() };
  });
}

/**
 * What an alert looks at: an alert whose condition does not hold has no data, and should have none. So each side of `and`, `or` and `unless` is asked for without the
 * comparison with a number that follows it.
 */
const sidesOf = ({ of, expr }: { readonly of: string; readonly expr: string }): { readonly of: string; readonly expr: string }[] =>
  expr.split(/ (?:and|or|unless) /).map((side) => ({ of: `${of}: ${side}`, expr: side.replace(/ (?:==|>|<) [\d.* ]+$/, '') }));

describe('the dashboard', () => {
  test('has panels with ids, places and titles of their own, in rows', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    expect(panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
      'Overview', 'Calls and errors', 'Latency', 'Sessions', 'Breakers, retries and limits', 'Audit', 'Certificates and keys', 'Event loop',
    ]);
    const taken = new Set<string>();
    for (const { gridPos: { x, y, w, h } } of panels) {
      expect(x + w).toBeLessThanOrEqual(24);
      for (let i = x; i < x + w; i++) for (let j = y; j < y + h; j++) taken.add(`${i},${j}`);
    }
    expect(taken.size).toBe(panels.reduce((sum, { gridPos: { w, h } }) => sum + w * h, 0));
  });

  test('asks the data source, services and instances that are chosen, in every query', () => {
    expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toEqual([['datasource', 'datasource'], ['service', 'query'], ['instance', 'query']]);
    for (const { type, targets = [] } of dashboard.panels) {
      expect(targets.length > 0).toBe(type !== 'row');
      for (const { datasource, expr } of targets) {
        expect(datasource.uid).toBe('${datasource}');
        for (const [selector] of expr.matchAll(/\{[^}]*\}/g)) expect(selector).toMatch(/service=~"\$service",instance=~"\$instance"/);
        expect(expr.match(/\b(?:mesh|rpc|nodejs)_\w+/g)?.length).toBeGreaterThanOrEqual(1);
        expect(expr.match(/\{/g)).toHaveLength(expr.match(/\b(?:mesh|rpc|nodejs)_\w+(?=\{)/g)?.length ?? 0);
      }
    }
  });

  test('shows every metric that each mesh has, and no other', () => {
    const shown = new Set(queries.flatMap(({ expr }) => [...expr.matchAll(/\b((?:mesh|rpc|nodejs)_\w+?)(?:_bucket)?\{/g)].map(([, name]) => name)));
    // What only an adapter with windows has is computed from the histograms here.
    expect([...shown].sort()).toEqual(METRICS.map(({ name }) => name).filter((name) => !name.startsWith('mesh_window_')).sort());
  });
});

/** A mesh whose metrics are served. */
async function scraped(options: Partial<SecureMeshOptions> & { readonly serviceId: string }): Promise<{ mesh: SecureMesh; address: string }> {
  const register = new Registry();
  const { mesh } = await bed.running({ ...options, monitoring: { adapters: [new PrometheusAdapter({ register })] } });
  const server = createServer((_request, response) => void register.metrics().then((text) => response.setHeader('content-type', register.contentType).end(text)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  bed.closing({ close: () => new Promise((resolve) => (server.close(() => resolve(undefined)), server.closeAllConnections())) });
  return { mesh, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Everything there is a metric for happens among three services, each time it is called. */
async function scene(): Promise<{ readonly addresses: readonly string[]; readonly act: () => Promise<void>; readonly meshes: Record<'orders' | 'users' | 'payments', SecureMesh> }> {
  const down = new MeshError('unhealthy', 'not now');
  const users = await scraped({
    serviceId: 'users',
    resilience: { rateLimit: { maxRequests: 10_000, windowMs: 60_000, methods: { limited: { maxRequests: 1, windowMs: 3_600_000 } } }, concurrency: { limit: 1, queue: 1 } },
    security: { authorize: { get: '*', slow: '*', flaky: '*', limited: '*' } },
  });
  let tries = 0;
  users.mesh.handle('get', () => 'here');
  users.mesh.handle('limited', () => 'here');
  let open = (): void => {};
  users.mesh.handle('slow', () => gate);
  let gate: Promise<void> = Promise.resolve();
  users.mesh.handle('secret', () => 'here');
  users.mesh.handle('flaky', () => {
    if (++tries % 2 === 1) throw down;
    return 'here';
  });
  const payments = await scraped({ serviceId: 'payments' });
  payments.mesh.handle('charge', () => {
    throw down;
  });
  const orders = await scraped({ serviceId: 'orders', resilience: { circuitBreaker: { failureThreshold: 2, successThreshold: 1, timeout: 600_000 } } });
  const [toUsers, toPayments] = [orders.mesh.connect('users'), orders.mesh.connect('payments')];
  const fails = (call: Promise<unknown>): Promise<unknown> => call.then(() => undefined, (error: unknown) => error);
  const act = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await toUsers.call('get', { i });
    await toUsers.call('flaky', {}, { idempotent: true });
    for (let i = 0; i < 2; i++) await fails(toUsers.call('limited', {}, { retry: false }));
    await fails(toUsers.call('secret', {}));
    gate = new Promise((resolve) => (open = resolve));
    // One runs, one waits, two are refused.
    const slow = [1, 2, 3, 4].map(() => fails(toUsers.call('slow', {}, { retry: false })));
    await Promise.race(slow);
    open();
    await Promise.all(slow);
    for (let i = 0; i < 3; i++) await fails(toPayments.call('charge', {}, { retry: false }));
    await orders.mesh.rotateKeys();
  };
  return { addresses: [orders.address, users.address, payments.address], act, meshes: { orders: orders.mesh, users: users.mesh, payments: payments.mesh } };
}

test('every query of the dashboard and of the rules has data of a running scene', async () => {
  const { addresses, act, meshes } = await scene();
  const config = `
global: { scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms }
rule_files: [recording.yml, alerts.yml]
scrape_configs: [{ job_name: mesh, static_configs: [{ targets: [${addresses.map((address) => `'${address}'`).join(', ')}] }] }]
`;
  const files = { 'recording.yml': read('rules/recording.yml'), 'alerts.yml': read('rules/alerts.yml').replaceAll(/for: \w+/g, 'for: 0s') };
  await act();
  const prometheus: Service = await services.startPrometheus(config, files);
  bed.closing({ close: () => prometheus.stop() });
  await eventually('a scrape of all', async () => ((await query(prometheus, 'mesh_rekeys_total')).size > 0 && (await query(prometheus, 'mesh_connected_services')).size === 3 ? true : undefined));
  // A counter that rises between two scrapes has a rate.
  await act();

  const [recording, alerts] = [rulesOf('rules/recording.yml', 'record'), rulesOf('rules/alerts.yml', 'alert')];
  expect([recording.length, alerts.length]).toEqual([7, 8]);
  const asked = [...queries, ...recording.flatMap(({ of, expr }) => [{ of, expr: of }, { of: `${of} =`, expr }]), ...alerts.flatMap(sidesOf)];
  for (const { expr } of asked) expect(expr).not.toBe('');
  const left = new Map(asked.map(({ of, expr }) => [of, asSent(expr)]));
  await eventually('data for all', async () => {
    for (const [of, expr] of left) {
      const values = [...(await query(prometheus, expr)).values()];
      // A service that nobody calls any more has no ratio of errors and no quantile.
      if (values.some((value) => Number.isFinite(value))) left.delete(of);
    }
    if (left.size > 0) await act();
    return left.size === 0 ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`without data: ${[...left].map(([of, expr]) => `${of}: ${expr}`).join('\n')}`, { cause: error });
  });

  // And it is no data of nothing.
  for (const metric of ['retries', 'rate_limited', 'overloaded', 'authorization_denied', 'rekeys', 'audit_delivered', 'audit_events', 'handshakes']) {
    const [count = 0] = (await query(prometheus, `sum(mesh_${metric}_total)`)).values();
    expect([metric, count > 0]).toEqual([metric, true]);
  }
  expect([...(await query(prometheus, 'max(mesh_circuit_state)')).values()]).toEqual([2]);
  // The one alert whose condition holds here.
  await eventually('the alert', async () => ((await query(prometheus, 'ALERTS{alertname="MeshBreakerOpen",alertstate="firing",service="orders",peer="payments"}')).size > 0 ? true : undefined));

  for (const { name, definition = '' } of dashboard.templating.list.slice(1)) {
    const [, series = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
    expect(label).toBe(name);
    const response = await fetch(`${prometheus.url}/api/v1/label/${label}/values?match[]=${encodeURIComponent(asSent(series))}`);
    expect(((await response.json()) as { data: string[] }).data.sort()).toEqual(name === 'service' ? Object.keys(meshes).sort() : [...addresses].sort());
  }
}, 60_000);
