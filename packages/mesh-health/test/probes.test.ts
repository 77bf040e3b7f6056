import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, type HealthCheck, type HealthStatus } from '@lemur-bookstores/mesh-interface';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { HealthMonitor } from '../src/health-monitor.js';
import { probes, type ProbeHandler } from '../src/probes.js';

interface Answer {
  readonly code: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function ask(port: number, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ port, host: '127.0.0.1', path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ code: response.statusCode, headers: response.headers, body }));
    });
    asked.on('error', reject).end();
  });
}

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

function closing(server: Server): number {
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  return portOf(server);
}

/** Each way to serve probes, with the real thing. What is no probe's is answered by the application: "from the app". */
const SERVERS: Readonly<Record<string, (handler: ProbeHandler) => Promise<number>>> = {
  'node:http': async (handler) => {
    const server = createServer((request, response) => handler(request, response, () => response.end('from the app')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return closing(server);
  },
  express: async (handler) => {
    const app = express();
    app.use(handler);
    app.use((_request, response) => void response.end('from the app'));
    return new Promise((resolve) => {
      const server = app.listen(0, '127.0.0.1', () => resolve(closing(server)));
    });
  },
  fastify: async (handler) => {
    const app = fastify();
    await app.register(handler);
    app.get('/other', () => 'from the app');
    await app.listen({ port: 0, host: '127.0.0.1' });
    closers.push(() => app.close());
    return portOf(app.server);
  },
  hono: async (handler) => {
    const app = new Hono();
    app.use(handler);
    app.get('/other', (context) => context.text('from the app'));
    return new Promise((resolve) => {
      const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(closing(server as Server)));
    });
  },
  fetch: async (handler) => {
    const answer = async (request: Request): Promise<Response> => (new URL(request.url).pathname === '/other' ? new Response('from the app') : handler(request));
    return new Promise((resolve) => {
      const server = serve({ fetch: answer, port: 0, hostname: '127.0.0.1' }, () => resolve(closing(server as Server)));
    });
  },
};

let clock: FakeClock;
let monitor: HealthMonitor;
let mesh: { serviceId: string; health: HealthMonitor; started: boolean; ready: boolean };
beforeEach(() => {
  clock = new FakeClock();
  monitor = new HealthMonitor(30_000, { clock });
  mesh = { serviceId: 'orders', health: monitor, started: true, ready: true };
});

const check = (name: string, status: HealthStatus, more: Partial<HealthCheck> = {}): HealthCheck => ({
  name,
  check: () => ({ status, timestamp: new Date(0), ...(status === 'healthy' ? {} : { error: `${name} at 10.0.0.7 is ${status}` }) }),
  ...more,
});

describe.each(Object.keys(SERVERS))('served by %s', (name) => {
  const serving = (handler: ProbeHandler): Promise<number> => (SERVERS[name] as (handler: ProbeHandler) => Promise<number>)(handler);

  test('200 and 503, application/health+json, not cached, without a word of hosts and errors', async () => {
    monitor.registerCheck(check('database', 'unhealthy'));
    const port = await serving(probes(mesh));
    const live = await ask(port, '/health/live');
    expect([live.code, live.body, live.headers['content-type'], live.headers['cache-control']]).toEqual([200, '{"status":"pass"}', 'application/health+json', 'no-store']);
    const ready = await ask(port, '/health/ready?verbose=1');
    expect([ready.code, ready.body, ready.headers['content-type'], ready.headers['cache-control']]).toEqual([503, '{"status":"fail"}', 'application/health+json', 'no-store']);
    expect(await ask(port, '/health/startup')).toMatchObject({ code: 200, body: '{"status":"pass"}' });
  });

  test('HEAD is GET without the body; any other method is a 405 that says which are allowed', async () => {
    const port = await serving(probes(mesh));
    const head = await ask(port, '/health/ready', 'HEAD');
    expect([head.code, head.body, head.headers['content-type'], head.headers['content-length']]).toEqual([200, '', 'application/health+json', '17']);
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const refused = await ask(port, '/health/ready', method);
      expect([refused.code, refused.body, refused.headers['allow'], refused.headers['cache-control']]).toEqual([405, '', 'GET, HEAD', 'no-store']);
    }
  });

  test('leaves every other path to the application, and serves the paths it was told', async () => {
    const port = await serving(probes(mesh, { live: '/livez', ready: { path: '/readyz' }, startup: false }));
    expect(await ask(port, '/other')).toMatchObject({ code: 200, body: 'from the app' });
    expect([(await ask(port, '/livez')).code, (await ask(port, '/readyz')).code]).toEqual([200, 200]);
    expect((await ask(port, '/health/startup')).body).not.toContain('status":"pass');
  });
});

describe('without anybody behind it', () => {
  test('node:http: another path is a 404', async () => {
    const server = createServer(probes(mesh));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    expect(await ask(closing(server), '/other')).toMatchObject({ code: 404, body: '' });
  });

  test('fetch: another path is a 404', async () => {
    expect((await probes(mesh)(new Request('http://127.0.0.1/other'))).status).toBe(404);
  });
});

/** The code and body of a probe, by way of fetch. */
async function look(handler: ProbeHandler, path: string): Promise<[number, unknown]> {
  const response = await handler(new Request(`http://127.0.0.1${path}`));
  return [response.status, await response.json()];
}

describe('liveness', () => {
  test('depends on nothing: not on checks, not on a mesh that has not started or is about to end', async () => {
    monitor.registerCheck(check('database', 'unhealthy'));
    await monitor.runChecks();
    mesh.ready = mesh.started = false;
    expect(await look(probes(mesh), '/health/live')).toEqual([200, { status: 'pass' }]);
  });

  test('a check that hangs keeps it waiting not a moment', async () => {
    monitor.registerCheck({ name: 'database', check: () => new Promise(() => {}) });
    monitor.start();
    // The clock stands still: any wait would be for ever.
    expect(await look(probes(mesh), '/health/live')).toEqual([200, { status: 'pass' }]);
  });

  test('counts the checks of a tag where it is told to, once they are known to be unhealthy', async () => {
    monitor.registerCheck(check('worker', 'unhealthy', { critical: false, tags: ['live'] }));
    monitor.registerCheck(check('database', 'unhealthy'));
    const handler = probes(mesh, { live: { tags: ['live'] } });
    expect((await look(handler, '/health/live'))[0]).toBe(200);
    await monitor.runChecks();
    expect((await look(handler, '/health/live'))[0]).toBe(503);
    monitor.unregisterCheck('worker');
    expect((await look(handler, '/health/live'))[0]).toBe(200);
  });
});

describe('readiness', () => {
  test.each([['healthy', 200, 'pass'], ['degraded', 200, 'warn'], ['unhealthy', 503, 'fail']] as const)('of a critical check that is %s: %i', async (status, code, said) => {
    monitor.registerCheck(check('database', status));
    monitor.registerCheck(check('sink', 'unhealthy', { critical: false }));
    expect(await look(probes(mesh), '/health/ready')).toEqual([code, { status: said }]);
  });

  test('counts the checks of a tag alone, critical or not; a tag that no check has is a failure', async () => {
    monitor.registerCheck(check('database', 'unhealthy'));
    monitor.registerCheck(check('queue', 'healthy', { critical: false, tags: ['ready'] }));
    const handler = probes(mesh, { ready: { tags: ['ready'] } });
    expect((await look(handler, '/health/ready'))[0]).toBe(200);
    monitor.unregisterCheck('queue');
    monitor.registerCheck(check('queue', 'unhealthy', { critical: false, tags: ['ready'] }));
    expect((await look(handler, '/health/ready'))[0]).toBe(503);
    expect((await look(probes(mesh, { ready: { tags: ['raedy'] } }), '/health/ready'))[0]).toBe(503);
  });

  test('ends when the mesh is about to end, whatever the checks say', async () => {
    monitor.registerCheck(check('database', 'healthy'));
    mesh.ready = false;
    expect(await look(probes(mesh, { details: true }), '/health/ready')).toMatchObject([503, { status: 'fail', output: 'the mesh is about to end, or has ended' }]);
  });

  test('a check that hangs: 503 within one interval and its timeout; 200 again within one interval after it is back', async () => {
    let hangs = true;
    monitor.registerCheck({ name: 'database', timeoutMs: 1_000, check: () => (hangs ? new Promise(() => {}) : { status: 'healthy' as const, timestamp: new Date() }) });
    hangs = false;
    const handler = probes(mesh);
    monitor.start();
    await clock.advance(0);
    expect((await look(handler, '/health/ready'))[0]).toBe(200);
    hangs = true;
    await clock.advance(31_000);
    expect((await look(handler, '/health/ready'))[0]).toBe(503);
    expect((await look(handler, '/health/live'))[0]).toBe(200);
    hangs = false;
    await clock.advance(30_000);
    expect((await look(handler, '/health/ready'))[0]).toBe(200);
    monitor.stop();
  });
});

describe('startup', () => {
  test('fails until initialize() is done, and never again', async () => {
    mesh.started = false;
    const handler = probes(mesh);
    expect((await look(handler, '/health/startup'))[0]).toBe(503);
    mesh.started = true;
    expect((await look(handler, '/health/startup'))[0]).toBe(200);
    mesh.started = false;
    expect((await look(handler, '/health/startup'))[0]).toBe(200);
  });

  test('of a monitor alone, or with a tag: fails until none of the checks is unhealthy', async () => {
    let status: HealthStatus = 'unhealthy';
    monitor.registerCheck({ name: 'migrations', tags: ['startup'], check: () => ({ status, timestamp: new Date() }) });
    const handlers = [probes(monitor), probes(mesh, { startup: { tags: ['startup'] } })];
    for (const handler of handlers) expect((await look(handler, '/health/startup'))[0]).toBe(503);
    status = 'degraded';
    await monitor.runChecks();
    for (const handler of handlers) expect((await look(handler, '/health/startup'))[0]).toBe(200);
    status = 'unhealthy';
    await monitor.runChecks();
    for (const handler of handlers) expect((await look(handler, '/health/startup'))[0]).toBe(200);
    expect((await look(probes(monitor), '/health/ready'))[0]).toBe(503);
  });
});

test('details that are no JSON, of a check or of a monitor of one\'s own, keep nobody from an answer', async () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const odd: Readonly<Record<string, object>> = { rows: { count: 3n }, circle, getter: { get x() { throw new Error('not now\n    at secret.js'); } }, json: { toJSON: () => 7 }, long: { text: 'x'.repeat(100_000) } };
  for (const [name, details] of Object.entries(odd)) monitor.registerCheck({ name, check: () => ({ status: 'healthy', timestamp: new Date(0), details: details as never }) });
  const [code, body] = await look(probes(mesh, { details: true }), '/health/ready');
  expect(code).toBe(200);
  const found = Object.fromEntries(Object.entries((body as { checks: Record<string, { status: string; details: unknown }[]> }).checks).map(([name, [one]]) => [name, one]));
  expect(found['rows']).toMatchObject({ status: 'pass', details: { count: '3' } });
  for (const name of ['circle', 'getter', 'json', 'long']) expect(found[name]).toMatchObject({ status: 'pass', details: { omitted: expect.stringMatching(/^details that cannot be shown: [^\n]+$/) } });

  const own = { getTaggedResults: () => ({}), health: () => Promise.resolve({ status: 'healthy' as const, checks: { own: { status: 'healthy' as const, timestamp: new Date(0), details: circle } } }) };
  expect(await look(probes(own, { details: true }), '/health/ready')).toEqual([200, { status: 'pass', output: 'the checks have details that are no JSON' }]);
});

test('details, where asked for: who, why, and what each check found', async () => {
  monitor.registerCheck(check('database', 'unhealthy'));
  monitor.registerCheck(check('queue', 'healthy'));
  expect(await look(probes(mesh, { details: true }), '/health/ready')).toEqual([
    503,
    {
      status: 'fail',
      serviceId: 'orders',
      checks: {
        database: [{ status: 'fail', time: '1970-01-01T00:00:00.000Z', output: 'database at 10.0.0.7 is unhealthy' }],
        queue: [{ status: 'pass', time: '1970-01-01T00:00:00.000Z' }],
      },
    },
  ]);
});

test('a source that throws is a failed probe', async () => {
  const bad = { ...mesh, health: { health: () => Promise.reject(new Error('bug')), getTaggedResults: () => ({}) } };
  expect(await look(probes(bad), '/health/ready')).toEqual([503, { status: 'fail' }]);
});

test('what is wrong with the options is said at once, by path', () => {
  expect(() => probes(mesh, { live: 'livez', ready: { tags: [] }, startup: 7 as never, details: 'yes' as never, other: 1 } as never)).toThrow(
    /other: .*; live\.path: .*; ready\.tags: .*; startup: .*; details: /,
  );
  expect(() => probes(mesh, { live: '/health', ready: '/health' })).toThrow(/ready\.path: \/health is another probe's/);
  for (const source of [undefined, null, {}, { health: {} }]) expect(() => probes(source as never)).toThrow(expect.objectContaining({ reason: 'invalid_option' }));
});
