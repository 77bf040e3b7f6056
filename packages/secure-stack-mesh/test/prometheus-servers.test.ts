import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { MetricsAdapter, PrometheusAdapter } from '@lemur-bookstores/adapter-prometheus';
import { Registry } from 'prom-client';
import type { SecureMesh } from '../src/secure-mesh.js';
import { eventually, query, services, type Service } from './support/services.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const running = (service: Service): Service => {
  bed.closing({ close: () => service.stop() });
  return service;
};

/** `orders`, with its metrics in a registry, that has called `users`: some calls worked, some did not. */
async function calling(register: Registry): Promise<SecureMesh> {
  const users = await bed.running({ serviceId: 'users' });
  users.mesh.handle('get "all"', () => 'here');
  const { mesh } = await bed.running({ serviceId: 'orders', monitoring: { adapters: [new PrometheusAdapter({ register })] } });
  const client = mesh.connect('users');
  const trace = { traceId: '1'.repeat(32), spanId: '2'.repeat(16) };
  for (let i = 0; i < 10; i++) await client.call('get "all"', { i }, { trace });
  await expect(client.call('nothing', {})).rejects.toMatchObject({ reason: 'unknown_method' });
  await mesh.rotateKeys();
  return mesh;
}

/** Answers every request with the metrics of a registry. @returns its address */
async function metricsServer(register: Registry): Promise<string> {
  const server = createServer((_request, response) => {
    void register.metrics().then((text) => response.setHeader('content-type', register.contentType).end(text));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  bed.closing({ close: () => new Promise((resolve) => (server.close(() => resolve(undefined)), server.closeAllConnections())) });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const scraping = (address: string): string => `
global: { scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms }
scrape_configs:
  - job_name: mesh
    static_configs: [{ targets: ['${address}'] }]
`;

test('promtool finds nothing to say about what a mesh puts out', async () => {
  const register = new Registry();
  await calling(register);
  expect(await services.promtool(['check', 'metrics'], await register.metrics())).toEqual({ code: 0, output: '' });
});

test('Prometheus scrapes a mesh: its calls, handshakes, keys and certificate are there', async () => {
  const register = new Registry();
  const mesh = await calling(register);
  const prometheus = running(await services.startPrometheus(scraping(await metricsServer(register))));
  const value = (expression: string) => eventually(expression, async () => [...(await query(prometheus, expression)).values()][0]);
  expect(await value('sum(mesh_calls_ended_total{service="orders",direction="outbound",peer="users",rpc_method="get \\"all\\"",rpc_status_code="OK"})')).toBe(10);
  expect(await value('sum(mesh_calls_ended_total{rpc_status_code="UNIMPLEMENTED"})')).toBe(1);
  expect(await value('sum(rpc_client_call_duration_seconds_count{job="mesh"})')).toBe(11);
  expect(await value('histogram_quantile(0.5, sum by (le) (rpc_client_call_duration_seconds_bucket))')).toBeGreaterThan(0);
  expect(await value('mesh_handshakes_total{outcome="ok"}')).toBeGreaterThanOrEqual(1);
  expect(await value('mesh_certificate_expiration_timestamp_seconds')).toBe(mesh.crypto.notAfter / 1_000);
  expect(await value('up{job="mesh"}')).toBe(1);
  // It goes on: the next scrape has the next call.
  await mesh.connect('users').call('get "all"', {});
  await eventually('another call', async () => ([...(await query(prometheus, 'sum(rpc_client_call_duration_seconds_count)')).values()][0] === 12 ? true : undefined));
});

test('Prometheus takes OpenMetrics, with the trace of a call as exemplar', async () => {
  const register = new Registry();
  register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as unknown as Parameters<typeof register.setContentType>[0]);
  await calling(register);
  const prometheus = running(await services.startPrometheus(scraping(await metricsServer(register))));
  const exemplars = await eventually('exemplars', async () => {
    const asked = await fetch(`${prometheus.url}/api/v1/query_exemplars?query=rpc_client_call_duration_seconds_bucket&start=${Date.now() / 1_000 - 600}&end=${Date.now() / 1_000 + 60}`);
    const { data } = (await asked.json()) as { data: { exemplars: { labels: object }[] }[] };
    return data.length > 0 ? data.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels)) : undefined;
  });
  expect(exemplars).toContainEqual({ trace_id: '1'.repeat(32), span_id: '2'.repeat(16) });
  expect((await query(prometheus, 'mesh_sent_bytes_total')).size).toBe(1);
});

test('a mesh pushes to a Pushgateway, and takes away what it pushed when it ends', async () => {
  const gateway = running(await services.startPushgateway());
  const adapter = new MetricsAdapter({ interval: 100, destination: 'pushgateway', url: gateway.url, job: 'nightly/batch' });
  const { mesh, log } = await bed.running({ serviceId: 'orders', monitoring: { adapters: [adapter] } });
  const pushed = async (): Promise<string[]> => (await (await fetch(`${gateway.url}/metrics`)).text()).split('\n').filter((line) => line.startsWith('mesh_sessions{'));
  const lines = await eventually('what was pushed', async () => ((await pushed()).length > 0 ? await pushed() : undefined));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^mesh_sessions\{direction="inbound",instance="orders\/.+\/\d+",job="nightly\/batch",service="orders"\} 0$/);
  await mesh.cleanup();
  expect(await pushed()).toEqual([]);
  expect(log.filter((line) => line.includes('metrics'))).toEqual([]);
});

test('a server that is stopped leaves no folder, and stops once', async () => {
  const gateway = await services.startPushgateway();
  expect(existsSync(gateway.folder)).toBe(true);
  await gateway.stop();
  await gateway.stop();
  expect(existsSync(gateway.folder)).toBe(false);
  expect(() => process.kill(gateway.pid, 0)).toThrow('ESRCH');
});
