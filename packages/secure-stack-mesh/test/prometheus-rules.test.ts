import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { METRICS, PrometheusAdapter } from '@lemur-bookstores/adapter-prometheus';
import { Registry } from 'prom-client';
import { eventually, services, type Service } from './support/services.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const RULES = new URL('../../adapter-prometheus/rules/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, RULES), 'utf8');
const path = (name: string): string => fileURLToPath(new URL(name, RULES));

test('promtool checks the rules, and their tests pass', async () => {
  expect(await services.promtool(['check', 'rules', path('recording.yml'), path('alerts.yml')])).toMatchObject({ code: 0 });
  const { code, output } = await services.promtool(['test', 'rules', path('tests.yml')]);
  expect([code, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
});

test('every metric that the rules read is there; every alert has its tests, its runbook, and no runbook is without an alert', () => {
  const [rules, tests] = [`${read('recording.yml')}${read('alerts.yml')}`, read('tests.yml')];
  const names = METRICS.flatMap(({ name, type }) => (type === 'histogram' ? [`${name}_bucket`] : [name]));
  for (const [name] of rules.matchAll(/\b(?:mesh_[a-z_]+|rpc_[a-z_]+_bucket)\b/g)) expect(names).toContain(name);
  const alerts = rules.split('- alert: ').slice(1);
  expect(alerts).toHaveLength(8);
  const runbooks = new Set(alerts.map((alert) => /runbook_url: .*\/docs\/runbooks\/(.*)\.md/.exec(alert)?.[1]));
  for (const alert of alerts) {
    const name = alert.slice(0, alert.indexOf('\n'));
    const page = readFileSync(new URL(`../../../docs/runbooks/${/runbooks\/(.*\.md)/.exec(alert)?.[1]}`, import.meta.url), 'utf8');
    expect(page).toContain(`\`${name}\``);
    // It fires in one, and it does not in another.
    expect(tests).toMatch(new RegExp(`- alertname: ${name}\n +eval_time: \\w+\n +exp_alerts:`));
    expect(tests).toContain(`{ alertname: ${name}, eval_time: `);
  }
  expect(readdirSync(new URL('../../../docs/runbooks/', import.meta.url)).sort()).toEqual([...runbooks].map((name) => `${name}.md`).sort());
});

test('a mesh ends: MeshDown fires, comes to Alertmanager, and resolves when the mesh is back', async () => {
  const register = new Registry();
  const adapters = () => ({ monitoring: { adapters: [new PrometheusAdapter({ register })] } });
  const server = createServer((_request, response) => void register.metrics().then((text) => response.setHeader('content-type', register.contentType).end(text)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  bed.closing({ close: () => new Promise((resolve) => (server.close(() => resolve(undefined)), server.closeAllConnections())) });
  const started = (service: Service): Service => {
    bed.closing({ close: () => service.stop() });
    return service;
  };
  const alertmanager = started(await services.startAlertmanager('route: { receiver: nobody, group_wait: 0s }\nreceivers: [{ name: nobody }]\n'));
  const { mesh } = await bed.running({ serviceId: 'orders', ...adapters() });
  const config = `
global: { scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms }
rule_files: [recording.yml, alerts.yml]
alerting: { alertmanagers: [{ static_configs: [{ targets: ['${alertmanager.url.slice('http://'.length)}'] }] }] }
scrape_configs: [{ job_name: mesh, static_configs: [{ targets: ['127.0.0.1:${(server.address() as AddressInfo).port}'] }] }]
`;
  // As they are, but for how long a condition has to hold.
  const files = { 'recording.yml': read('recording.yml'), 'alerts.yml': read('alerts.yml').replaceAll(/for: \w+/g, 'for: 0s') };
  const prometheus = started(await services.startPrometheus(config, files));
  const active = async (): Promise<string[]> => {
    const response = await fetch(`${alertmanager.url}/api/v2/alerts?active=true&filter=alertname="MeshDown"`);
    return ((await response.json()) as { labels: Record<string, string> }[]).map(({ labels }) => `${labels['severity']} ${labels['service']}`);
  };
  await eventually('the first scrape', async () => {
    const response = await fetch(`${prometheus.url}/api/v1/query?query=mesh_connected_services`);
    return ((await response.json()) as { data: { result: unknown[] } }).data.result.length > 0 ? true : undefined;
  });
  expect(await active()).toEqual([]);
  await mesh.cleanup();
  await eventually('the alert', async () => ((await active()).includes('page orders') ? true : undefined));
  await bed.running({ serviceId: 'orders', ...adapters() });
  await eventually('its end', async () => ((await active()).length === 0 ? true : undefined));
});
