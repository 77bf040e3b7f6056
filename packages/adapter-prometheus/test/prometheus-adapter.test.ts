import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { collectDefaultMetrics, Counter, register as defaultRegistry, Registry } from 'prom-client';
import { MetricsAdapter } from '../src/metrics-adapter.js';
import { METRICS } from '../src/metric-table.js';
import { PrometheusAdapter } from '../src/prometheus-adapter.js';
import type { PrometheusAdapterOptions } from '../src/prometheus-adapter-options.js';
import { calls, linesOf, MeshFigures } from './support/mesh-figures.js';

const open: PrometheusAdapter[] = [];
afterEach(async () => {
  for (const adapter of open.splice(0)) await adapter.close();
  expect(defaultRegistry.getMetricsAsArray()).toEqual([]);
});

async function started(figures: MeshFigures, options: PrometheusAdapterOptions = {}): Promise<PrometheusAdapter> {
  const adapter = new PrometheusAdapter(options);
  open.push(adapter);
  await adapter.start(figures.context);
  return adapter;
}

const trace = (digit: string) => ({ traceId: digit.repeat(32), spanId: digit.repeat(16) });

describe('in a registry', () => {
  test('prom-client\'s own unless one is given; from start to close', async () => {
    const register = new Registry();
    const adapter = new PrometheusAdapter();
    open.push(adapter);
    expect(adapter.register).toBe(defaultRegistry);
    expect(defaultRegistry.getMetricsAsArray()).toEqual([]);
    await adapter.start(new MeshFigures().context);
    expect(defaultRegistry.getMetricsAsArray().map(({ name }) => name)).toEqual(METRICS.map(({ name }) => name));
    await started(new MeshFigures(), { register });
    expect(register.getMetricsAsArray()).toHaveLength(METRICS.length);
    await adapter.close();
    await adapter.close();
    expect([defaultRegistry.getMetricsAsArray().length, register.getMetricsAsArray().length]).toEqual([0, METRICS.length]);
  });

  test('beside metrics of others, which a prefix keeps apart; taken names are refused by name', async () => {
    const register = new Registry();
    const other = new Counter({ name: 'mesh_sent_bytes_total', help: 'somebody else', registers: [register] });
    await expect(new PrometheusAdapter({ register }).start(new MeshFigures().context)).rejects.toMatchObject({ reason: 'adapter_failed', message: expect.stringContaining('mesh_sent_bytes_total') });
    expect(register.getMetricsAsArray()).toEqual([other]);
    const adapter = await started(new MeshFigures(), { register, prefix: 'shop_' });
    expect(linesOf(await register.metrics(), 'shop_mesh_sent_bytes_total')).toEqual(['shop_mesh_sent_bytes_total{service="orders"} 12345']);
    await adapter.close();
    expect(register.getMetricsAsArray()).toEqual([other]);
  });

  test("beside prom-client's metrics of the process", async () => {
    const register = new Registry();
    collectDefaultMetrics({ register });
    await started(new MeshFigures(), { register });
    const text = await register.metrics();
    expect(linesOf(text, 'nodejs_eventloop_delay_max_seconds')).toEqual(['nodejs_eventloop_delay_max_seconds{service="orders"} 0.25']);
    expect(linesOf(text, 'nodejs_eventloop_lag_max_seconds')).toHaveLength(1);
  });

  test('whose owner cleared it and put another metric there, close() leaves that alone', async () => {
    const register = new Registry();
    const adapter = await started(new MeshFigures(), { register });
    register.clear();
    const other = new Counter({ name: 'mesh_sent_bytes_total', help: 'somebody else', registers: [register] });
    await adapter.close();
    expect(register.getMetricsAsArray()).toEqual([other]);
  });
});

describe('a scrape', () => {
  test('reads one snapshot, then; resetMetrics() changes nothing', async () => {
    const figures = new MeshFigures();
    const { register } = await started(figures);
    expect(figures.read).toBe(0);
    figures.calls = [calls('users', 'pay', [1, 0, 0, 0])];
    expect(linesOf(await register.metrics(), 'mesh_calls_started_total')).toEqual(['mesh_calls_started_total{service="orders",direction="inbound",peer="users",rpc_method="pay"} 1']);
    expect(figures.read).toBe(1);
    register.resetMetrics();
    figures.calls = [calls('users', 'pay', [2, 0, 0, 0])];
    expect(linesOf(await register.metrics(), 'mesh_calls_started_total')).toEqual(['mesh_calls_started_total{service="orders",direction="inbound",peer="users",rpc_method="pay"} 2']);
    expect(figures.read).toBe(2);
  });

  test('has every metric with its help and type, and each line once', async () => {
    const figures = new MeshFigures();
    figures.calls = [calls('users', 'pay', [1, 2, 3, 4]), calls('payments', 'charge', [1, 0, 0, 0], { direction: 'outbound', ended: { OK: 0, UNAVAILABLE: 1 } })];
    const { register } = await started(figures);
    const text = await register.metrics();
    for (const { name, help, type } of METRICS) expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(new Set(lines).size).toBe(lines.length);
  });

  test('has histograms by method and by peer, cumulative, with all parts added up', async () => {
    const figures = new MeshFigures();
    figures.calls = [calls('users', 'pay', [1, 2, 3, 4]), calls('carts', 'pay', [1, 1, 1, 1]), calls('users', 'refund', [5, 0, 0, 0])];
    const text = await (await started(figures)).register.metrics();
    const labels = 'service="orders",rpc_system_name="secure_stack_mesh",rpc_method="pay"';
    expect(linesOf(text, 'rpc_server_call_duration_seconds').slice(0, 6)).toEqual([
      `rpc_server_call_duration_seconds_bucket{le="0.01",${labels}} 2`,
      `rpc_server_call_duration_seconds_bucket{le="0.1",${labels}} 5`,
      `rpc_server_call_duration_seconds_bucket{le="1",${labels}} 9`,
      `rpc_server_call_duration_seconds_bucket{le="+Inf",${labels}} 14`,
      `rpc_server_call_duration_seconds_sum{${labels}} 0.14`,
      `rpc_server_call_duration_seconds_count{${labels}} 14`,
    ]);
    expect(linesOf(text, 'mesh_peer_call_duration_seconds')).toContain('mesh_peer_call_duration_seconds_count{service="orders",direction="inbound",peer="users"} 15');
    expect(linesOf(text, 'rpc_client_call_duration_seconds')).toEqual([]);
  });

  test('has what keeps calls away', async () => {
    const text = await (await started(new MeshFigures())).register.metrics();
    const names = ['mesh_authorization_denied_total', 'mesh_rate_limited_total', 'mesh_overloaded_total', 'mesh_retries_total', 'mesh_circuit_state'];
    expect(names.flatMap((name) => linesOf(text, name)).map((line) => line.replace('service="orders"', '').replace('mesh_', ''))).toEqual([
      'authorization_denied_total{} 4', 'rate_limited_total{} 6', 'overloaded_total{} 7', 'retries_total{} 5', 'circuit_state{,peer="users",endpoint="127.0.0.1:50052"} 1',
    ]);
  });

  test('as JSON has the same values with all labels', async () => {
    const figures = new MeshFigures();
    figures.calls = [calls('users', 'pay', [1, 2, 3, 4])];
    const { register } = await started(figures);
    const metric = (await register.getMetricsAsJSON()).find(({ name }) => name === 'rpc_server_call_duration_seconds');
    expect((metric as unknown as { values: unknown[] }).values[1]).toEqual({
      metricName: 'rpc_server_call_duration_seconds_bucket',
      labels: { le: 0.1, service: 'orders', rpc_system_name: 'secure_stack_mesh', rpc_method: 'pay' },
      sharedLabels: {},
      value: 3,
    });
  });

  test('escapes what a label holds', async () => {
    const figures = new MeshFigures();
    figures.calls = [calls('us"ers\n', 'pa\\y', [1, 0, 0, 0])];
    expect(linesOf(await (await started(figures)).register.metrics(), 'mesh_calls_started_total')).toEqual([
      'mesh_calls_started_total{service="orders",direction="inbound",peer="us\\"ers\\n",rpc_method="pa\\\\y"} 1',
    ]);
  });
});

describe('two meshes in one process', () => {
  test('of two services differ in the label service; when one ends the other stays', async () => {
    const first = await started(new MeshFigures('orders'));
    await started(new MeshFigures('payments'));
    const sent = async () => linesOf(await defaultRegistry.metrics(), 'mesh_sent_bytes_total');
    expect(await sent()).toEqual(['mesh_sent_bytes_total{service="orders"} 12345', 'mesh_sent_bytes_total{service="payments"} 12345']);
    await first.close();
    expect(await sent()).toEqual(['mesh_sent_bytes_total{service="payments"} 12345']);
  });

  test('of one service are added up; of certificates that which ends first counts', async () => {
    const [one, other] = [new MeshFigures(), new MeshFigures()];
    one.calls = [calls('users', 'pay', [1, 0, 0, 0])];
    other.calls = [calls('users', 'pay', [0, 2, 0, 0]), calls('carts', 'pay', [1, 0, 0, 0])];
    other.more = { certificate: { notAfter: Date.UTC(2026, 0, 2) }, keys: { oldestSessionKeyMs: 90_000 } };
    await started(one);
    await started(other);
    const text = await defaultRegistry.metrics();
    expect(linesOf(text, 'mesh_calls_started_total').map((line) => line.slice(line.indexOf('peer')))).toEqual(['peer="users",rpc_method="pay"} 3', 'peer="carts",rpc_method="pay"} 1']);
    expect(linesOf(text, 'rpc_server_call_duration_seconds').at(-1)).toMatch(/_count\{.*\} 4$/);
    expect(linesOf(text, 'mesh_sessions')).toEqual(['mesh_sessions{service="orders",direction="inbound"} 2', 'mesh_sessions{service="orders",direction="outbound"} 4']);
    expect(linesOf(text, 'mesh_certificate_expiration_timestamp_seconds')).toEqual([`mesh_certificate_expiration_timestamp_seconds{service="orders"} ${Date.UTC(2026, 0, 2) / 1_000}`]);
    expect(linesOf(text, 'mesh_session_key_age_seconds')).toEqual(['mesh_session_key_age_seconds{service="orders"} 90']);
  });
});

test('two adapters of one mesh in one registry: nothing of it counts twice, and the windows are there', async () => {
  const [clock, register] = [new FakeClock(), new Registry()];
  const { context } = new MeshFigures('orders', clock);
  const [plain, windowed] = [new PrometheusAdapter({ register }), new MetricsAdapter({ register, interval: 1_000 })];
  await plain.start(context);
  await windowed.start(context);
  await clock.advance(1_000);
  const text = await register.metrics();
  expect(linesOf(text, 'mesh_sent_bytes_total')).toEqual(['mesh_sent_bytes_total{service="orders"} 12345']);
  expect(linesOf(text, 'mesh_window_error_ratio')).toHaveLength(2);
  await plain.close();
  expect(linesOf(await register.metrics(), 'mesh_sent_bytes_total')).toHaveLength(1);
  await windowed.close();
  expect(register.getMetricsAsArray()).toEqual([]);
});

test('what is idle is left out, and goes on from where it was; sums never go down', async () => {
  const figures = new MeshFigures();
  const { register } = await started(figures, { expireMs: 60_000 });
  const read = async () => {
    const text = await register.metrics();
    const started = linesOf(text, 'mesh_calls_started_total').map((line) => line.slice(line.indexOf('peer')));
    return [started, linesOf(text, 'rpc_server_call_duration_seconds').filter((line) => line.includes('_count')).map((line) => Number(line.split(' ').at(-1)))];
  };
  figures.calls = [calls('users', 'pay', [3, 0, 0, 0]), calls('carts', 'pay', [1, 0, 0, 0])];
  expect(await read()).toEqual([['peer="users",rpc_method="pay"} 3', 'peer="carts",rpc_method="pay"} 1'], [4]]);
  figures.calls = [calls('users', 'pay', [3, 0, 0, 0], { idleMs: 60_001 }), calls('carts', 'pay', [2, 0, 0, 0], { idleMs: 60_000 })];
  expect(await read()).toEqual([['peer="carts",rpc_method="pay"} 2'], [5]]);
  figures.calls = [calls('users', 'pay', [3, 0, 0, 0], { idleMs: 90_000 }), calls('carts', 'pay', [2, 0, 0, 0], { idleMs: 90_000 })];
  expect(await read()).toEqual([[], []]);
  figures.calls = [calls('users', 'pay', [4, 0, 0, 0]), calls('carts', 'pay', [2, 0, 0, 0], { idleMs: 90_000 })];
  expect(await read()).toEqual([['peer="users",rpc_method="pay"} 4'], [6]]);
});

test('OpenMetrics, where the registry is set to it: exemplars with the trace, _total on counters, and back again', async () => {
  const register = new Registry();
  const figures = new MeshFigures();
  const exemplars = [{ bucket: 1, trace: trace('a'), value: 0.05, timestamp: 1_700_000_000_250 }, { bucket: 3, trace: trace('b'), value: 7, timestamp: 1_700_000_000_000 }];
  figures.calls = [calls('users', 'pay', [1, 2, 3, 4], { duration: { bounds: [0.01, 0.1, 1], counts: [1, 2, 3, 4], sum: 1, count: 10, exemplars } })];
  await started(figures, { register });
  const plain = await register.metrics();
  expect(plain).not.toContain('trace_id');
  register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as unknown as Parameters<typeof register.setContentType>[0]);
  for (let scrape = 1; scrape <= 2; scrape++) {
    const text = await register.metrics();
    expect(text.endsWith('\n# EOF\n')).toBe(true);
    expect(text).toContain('# TYPE mesh_sent_bytes counter\nmesh_sent_bytes_total{service="orders"} 12345\n');
    const buckets = linesOf(text, 'rpc_server_call_duration_seconds');
    expect(buckets[1]).toMatch(new RegExp(` 3 # \\{trace_id="${'a'.repeat(32)}",span_id="${'a'.repeat(16)}"\\} 0.05 1700000000.25$`));
    expect(buckets[3]).toMatch(new RegExp(` 10 # \\{trace_id="${'b'.repeat(32)}",span_id="${'b'.repeat(16)}"\\} 7 1700000000$`));
  }
  register.setContentType(Registry.PROMETHEUS_CONTENT_TYPE);
  expect(await register.metrics()).toBe(plain);
});

test('wrong options are refused, all at once', () => {
  const options = { register: {}, prefix: '9-', expireMs: 0, intervall: 1 } as unknown as PrometheusAdapterOptions;
  expect(() => new PrometheusAdapter(options)).toThrow(
    expect.objectContaining({ reason: 'invalid_option', details: { problems: ['intervall', 'register', 'prefix', 'expireMs'].map((name) => expect.stringMatching(`^${name}: `)) } }),
  );
  expect(() => new PrometheusAdapter(null as unknown as PrometheusAdapterOptions)).toThrow('options: must be an object');
});
