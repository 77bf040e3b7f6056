import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, systemClock, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { register as defaultRegistry, Registry } from 'prom-client';
import type { WindowFigures } from '../src/call-window.js';
import { MetricsAdapter } from '../src/metrics-adapter.js';
import type { MetricsAdapterOptions } from '../src/metrics-adapter-options.js';
import { calls, linesOf, MeshFigures } from './support/mesh-figures.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
  expect(defaultRegistry.getMetricsAsArray()).toEqual([]);
});

async function started(figures: MeshFigures, options: MetricsAdapterOptions = {}): Promise<MetricsAdapter> {
  const adapter = new MetricsAdapter(options);
  // What it rejects with is looked at where it is expected.
  open.push({ close: () => adapter.close().catch(() => undefined) });
  await adapter.start(figures.context);
  return adapter;
}

describe("destination 'prometheus'", () => {
  test('is the default, in the default registry; windows are those of `interval`', async () => {
    const clock = new FakeClock();
    const figures = new MeshFigures('orders', clock);
    figures.calls = [calls('users', 'pay', [1_000, 0, 0, 0])];
    const adapter = await started(figures, { interval: 10_000 });
    const window = async (name: string) => linesOf(await defaultRegistry.metrics(), name).map((line) => line.replace('service="orders",', ''));
    expect(await window('mesh_window_calls_per_second')).toEqual([]);
    figures.calls = [calls('users', 'pay', [1_050, 30, 20, 0], { ended: { OK: 1_075, INTERNAL: 25 } })];
    await clock.advance(9_999);
    expect(await window('mesh_window_calls_per_second')).toEqual([]);
    await clock.advance(1);
    expect(await window('mesh_window_calls_per_second')).toEqual(['mesh_window_calls_per_second{direction="inbound"} 10', 'mesh_window_calls_per_second{direction="outbound"} 0']);
    expect((await window('mesh_window_error_ratio'))[0]).toBe('mesh_window_error_ratio{direction="inbound"} 0.25');
    expect((await window('mesh_window_latency_seconds')).slice(0, 3).map((line) => line.slice(line.indexOf('quantile')))).toEqual([
      'quantile="0.5"} 0.01', 'quantile="0.95"} 0.775', 'quantile="0.99"} 0.955',
    ]);
    await clock.advance(10_000);
    expect((await window('mesh_window_calls_per_second'))[0]).toBe('mesh_window_calls_per_second{direction="inbound"} 0');
    await adapter.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('a clock that is set back makes no figures', async () => {
    const figures = new MeshFigures();
    const sent: (readonly WindowFigures[])[] = [];
    let timestamp = 1_000_000;
    figures.more = { get timestamp() { return timestamp; } } as Partial<MetricsSnapshot>;
    await started(figures, { interval: 1_000, destination: (_metrics, window) => sent.push(window) });
    timestamp = 500_000;
    await (figures.clock as FakeClock).advance(1_000);
    expect(sent).toEqual([[]]);
  });
});

describe('a sink', () => {
  test('gets the snapshot and the window at the end of each, and the last at close()', async () => {
    const clock = new FakeClock();
    const figures = new MeshFigures('orders', clock);
    const taken: [string, number][] = [];
    const sink = { send: ({ serviceId }: MetricsSnapshot, window: readonly WindowFigures[]) => void taken.push([serviceId, window.length]) };
    const adapter = await started(figures, { interval: 1_000, destination: sink });
    await clock.advance(2_000);
    expect(taken).toEqual([['orders', 2], ['orders', 2]]);
    await adapter.close();
    await adapter.close();
    expect(taken).toHaveLength(3);
    expect(defaultRegistry.getMetricsAsArray()).toEqual([]);
  });

  test('that throws, or hangs, is warned of once, and gets the next; one send at a time', async () => {
    const clock = new FakeClock();
    const figures = new MeshFigures('orders', clock);
    let answer: (() => Promise<void>) | undefined = () => Promise.reject(new Error('full'));
    let sends = 0;
    const adapter = await started(figures, { interval: 1_000, timeoutMs: 5_000, destination: () => (sends++, answer?.()) });
    await clock.advance(2_000);
    expect(figures.log).toEqual(['warn metrics were not taken {"error":"adapter_failed: send() failed: unexpected: full"}']);
    answer = undefined;
    await clock.advance(1_000);
    expect(figures.log.at(-1)).toBe('info metrics are taken again');
    answer = () => new Promise(() => undefined);
    await clock.advance(4_000);
    expect(sends).toBe(4);
    await clock.advance(2_000);
    expect(figures.log.slice(2)).toEqual(['warn metrics were not taken {"error":"adapter_timeout: send() did not end within 5000 ms"}']);
    answer = undefined;
    const closed = adapter.close();
    await clock.advance(5_000);
    await closed;
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("destination 'pushgateway'", () => {
  interface Request {
    readonly method: string;
    readonly path: string;
    readonly body: string;
    readonly authorization: string | undefined;
  }

  async function gateway(status = () => 200): Promise<{ readonly url: string; readonly requests: Request[]; readonly server: Server }> {
    const requests: Request[] = [];
    const server = createServer((request: IncomingMessage, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text)).on('end', () => {
        requests.push({ method: request.method as string, path: request.url as string, body, authorization: request.headers.authorization });
        if (status() === 0) return;
        response.writeHead(status()).end('no room');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push({ close: () => new Promise((resolve) => (server.close(() => resolve()), server.closeAllConnections())) });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, server };
  }

  const decoded = (path: string) => path.split('/').map((part) => (/^(metrics|pushed|job@base64|instance@base64|)$/.test(part) ? part : Buffer.from(part, 'base64url').toString())).join('|');

  test('pushes that wait for their turn at close() come before the DELETE: nothing is left behind', async () => {
    const { url, requests } = await gateway();
    const adapter = await started(new MeshFigures('orders', systemClock), { destination: 'pushgateway', url });
    await Promise.all([adapter.flush(), adapter.flush(), adapter.flush(), adapter.close()]);
    expect(requests.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'PUT', 'DELETE']);
  });

  test('pushes a registry of its own, at flush() and close(); a password is sent and not told', async () => {
    const { url, requests } = await gateway();
    const figures = new MeshFigures('orders', systemClock);
    const adapter = await started(figures, { destination: 'pushgateway', url: `${url.replace('http://', 'http://me:s3cret@')}/pushed/`, job: 'night/ly', instance: 'i' });
    expect(adapter.register).not.toBe(defaultRegistry);
    await adapter.flush();
    await adapter.close();
    expect(requests.map(({ method, path, authorization }) => [method, decoded(path), authorization])).toEqual([
      ['PUT', '|pushed|metrics|job@base64|night/ly|instance@base64|i', `Basic ${Buffer.from('me:s3cret').toString('base64')}`],
      ['DELETE', '|pushed|metrics|job@base64|night/ly|instance@base64|i', `Basic ${Buffer.from('me:s3cret').toString('base64')}`],
    ]);
    expect(linesOf(requests[0]?.body as string, 'mesh_sent_bytes_total')).toEqual(['mesh_sent_bytes_total{service="orders"} 12345']);
    await adapter.flush();
    expect(requests).toHaveLength(2);
  });

  test('which refuses, hangs or is gone: said with its address, without the password', async () => {
    let status = 400;
    const { url, server } = await gateway(() => status);
    const figures = new MeshFigures('orders', systemClock);
    const adapter = await started(figures, { destination: 'pushgateway', url: url.replace('http://', 'http://me:s3cret@'), timeoutMs: 200, register: new Registry() });
    await expect(adapter.flush()).rejects.toMatchObject({ message: `sink_refused: the Pushgateway at ${url} answered 400: no room`, retryable: false });
    status = 0;
    await expect(adapter.flush()).rejects.toMatchObject({ reason: 'adapter_timeout', retryable: true });
    server.close();
    server.closeAllConnections();
    await expect(adapter.close()).rejects.toMatchObject({ reason: 'adapter_failed', message: expect.not.stringContaining('s3cret') });
    expect(adapter.register.getMetricsAsArray()).toEqual([]);
  });
});

test('wrong options are refused, all at once', () => {
  const openMetrics = new Registry();
  openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  const problems = (options: unknown): unknown => {
    try {
      new MetricsAdapter(options as MetricsAdapterOptions);
      return undefined;
    } catch (error) {
      return (error as { details: { problems: string[] } }).details.problems.map((problem) => problem.slice(0, problem.indexOf(':')));
    }
  };
  expect(problems({ interval: 0, timeoutMs: 2 ** 31, prefix: '-', destination: 'graphite', more: 1 })).toEqual(['more', 'interval', 'timeoutMs', 'prefix', 'destination']);
  expect(problems({ destination: 'pushgateway' })).toEqual(['url']);
  expect(problems({ destination: 'pushgateway', url: 'http://there', register: openMetrics })).toEqual(['register']);
  expect(problems({ destination: 'pushgateway', url: 'ftp://there', job: '', instance: '' })).toEqual(['job', 'instance', 'url']);
  expect(problems({ url: 'http://there:9091' })).toEqual(['url']);
  expect(problems({ interval: 60000, destination: 'prometheus' })).toBeUndefined();
});
