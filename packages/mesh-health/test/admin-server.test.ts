import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import type { AdminServerOptions } from '../src/admin/admin-server.js';
import { TestAdmin, TOKEN, type Asked } from './support/admin.js';

const open: TestAdmin[] = [];
afterEach(async () => {
  for (const { server } of open.splice(0)) await server.close();
});

async function admin(options: Partial<AdminServerOptions> = {}): Promise<TestAdmin> {
  const made = new TestAdmin(options);
  await made.server.listen();
  open.push(made);
  return made;
}

const json = (text: string): { readonly error: { readonly code: string; readonly reason: string; readonly message: string } } => JSON.parse(text) as never;
const ROTATE: Asked = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
const BEARER = { authorization: `Bearer ${TOKEN}` };

/** Of each kind of route one, as whoever may is answered. */
const ROUTES: Readonly<Record<string, Asked>> = { '/health/live': {}, '/health/ready': {}, '/health/startup': {}, '/metrics': {}, '/stats': {}, '/audit/recent': {}, '/keys/rotate': ROTATE };

const HAS_IPV6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ family }) => family === 'IPv6'));

describe('who may do what: bind x token x route', () => {
  const OPEN = [200, 200, 200, 200];
  const MATRIX: [string, Partial<AdminServerOptions>, Asked['headers'], number[]][] = [
    ['loopback, no token', {}, {}, [...OPEN, 200, 200, 200]],
    ['loopback, token shown', { token: TOKEN }, BEARER, [...OPEN, 200, 200, 200]],
    ['loopback, token not shown', { token: TOKEN }, {}, [...OPEN, 401, 401, 401]],
    ['loopback, another token', { token: TOKEN }, { authorization: `Bearer ${TOKEN}x` }, [...OPEN, 401, 401, 401]],
    ['loopback, the beginning of the token', { token: TOKEN }, { authorization: `Bearer ${TOKEN.slice(0, -1)}` }, [...OPEN, 401, 401, 401]],
    ['loopback, the token by another scheme', { token: TOKEN }, { authorization: `Basic ${TOKEN}` }, [...OPEN, 401, 401, 401]],
    ['loopback, an empty token', { token: TOKEN }, { authorization: 'Bearer ' }, [...OPEN, 401, 401, 401]],
    ['loopback by name, no token', { host: 'localhost' }, {}, [...OPEN, 200, 200, 200]],
    ['127.0.0.2, no token', { host: '127.0.0.2' }, {}, [...OPEN, 200, 200, 200]],
    ['IPv4-mapped loopback, no token', { host: '::ffff:127.0.0.1' }, {}, [...OPEN, 200, 200, 200]],
    ['all interfaces, no token', { host: '0.0.0.0' }, {}, [...OPEN, 403, 403, 403]],
    ['all interfaces of IPv6, no token', { host: '::' }, {}, [...OPEN, 403, 403, 403]],
    ['IPv4-mapped all interfaces, no token', { host: '::ffff:0.0.0.0' }, {}, [...OPEN, 403, 403, 403]],
    ['all interfaces, some token where there is none', { host: '0.0.0.0' }, BEARER, [...OPEN, 403, 403, 403]],
    ['all interfaces, token shown', { host: '0.0.0.0', token: TOKEN }, BEARER, [...OPEN, 200, 200, 200]],
    ['all interfaces, token not shown', { host: '0.0.0.0', token: TOKEN }, {}, [...OPEN, 401, 401, 401]],
  ];
  test.each(MATRIX.filter(([, { host = '' }]) => HAS_IPV6 || !host.includes(':')))('%s', async (_what, options, headers, expected) => {
    const it = await admin(options);
    it.mesh.metrics = 'up 1\n';
    const at = options.host === '127.0.0.2' ? '127.0.0.2' : '127.0.0.1';
    const statuses: number[] = [];
    for (const [path, asked] of Object.entries(ROUTES)) statuses.push((await it.ask(path, { ...asked, at, headers: { ...asked.headers, ...headers } })).status);
    expect(statuses).toEqual(expected);
    expect(it.mesh.rotations).toHaveLength(expected.at(-1) === 200 ? 1 : 0);
    expect(it.warnings.length).toBe(expected.includes(403) ? 1 : 0);
  });

  test('a refusal says what to do, and asks for the token', async () => {
    const closed = await (await admin({ host: '0.0.0.0' })).ask('/stats');
    expect(json(closed.text).error).toEqual({ code: 'PERMISSION_DENIED', reason: 'admin_forbidden', message: expect.stringMatching(/bound to 0\.0\.0\.0 without a token.*admin\.token.*127\.0\.0\.1/) });
    const asked = await (await admin({ token: TOKEN })).ask('/stats');
    expect([asked.headers['www-authenticate'], json(asked.text).error.reason]).toEqual(['Bearer realm="secure-stack-mesh admin"', 'admin_unauthenticated']);
  });
});

describe('on loopback without a token no page and no proxy gets in', () => {
  test.each<[string, Record<string, string>]>([
    ['a name that was pointed here', { host: 'evil.example:9464' }],
    ['a name that begins like ours', { host: '127.0.0.1.evil.example' }],
    ['a name that begins with localhost', { host: 'localhost.evil.example' }],
    ['a foreign address', { host: '10.0.0.1' }],
    ['all interfaces, which browsers take for this machine', { host: '0.0.0.0:9464' }],
    ['a foreign IPv6 address', { host: '[2001:db8::1]:9464' }],
    ['a page', { origin: 'https://evil.example' }],
    ['a page of this machine', { origin: 'http://localhost:3000' }],
    ['a file', { origin: 'null' }],
    ['a picture on a page', { 'sec-fetch-site': 'cross-site' }],
    ['a proxy', { 'x-forwarded-for': '10.0.0.1' }],
    ['a proxy that says so by the standard', { forwarded: 'for=10.0.0.1' }],
  ])('%s', async (_what, headers) => {
    const it = await admin();
    for (const [path, asked] of Object.entries(ROUTES).slice(-3)) {
      expect(await it.ask(path, { ...asked, headers: { ...asked.headers, ...headers } })).toMatchObject({ status: 403, text: expect.stringContaining('admin_forbidden') });
    }
    expect(it.mesh.rotations).toEqual([]);
    expect(it.trail.having('system.admin_refused')).toHaveLength(1);
  });

  test('metrics neither, where a name was pointed here; a probe is always answered', async () => {
    const it = await admin({ token: TOKEN });
    it.mesh.metrics = 'up 1\n';
    const headers = { host: 'evil.example' };
    expect([(await it.ask('/metrics', { headers })).status, (await it.ask('/health/live', { headers })).status]).toEqual([403, 200]);
  });

  test.each(['localhost', 'LOCALHOST:9464', 'localhost.', 'orders.localhost:1', '127.0.0.1', '127.9.9.9:80', '[::1]', '[::1]:9464', '[::ffff:127.0.0.1]'])('by the name %s it is answered', async (host) => {
    expect((await (await admin()).ask('/stats', { headers: { host } })).status).toBe(200);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp', ''])('what a form can send is no rotation: %s', async (type) => {
    for (const options of [{}, { token: TOKEN }]) {
      const it = await admin(options);
      expect((await it.ask('/keys/rotate', { method: 'POST', headers: { ...BEARER, ...(type === '' ? {} : { 'content-type': type }) }, body: '{}' })).status).toBe(415);
      expect(it.mesh.rotations).toEqual([]);
    }
  });

  test('a browser that asks whether it may is told nothing that allows it', async () => {
    const { status, headers } = await (await admin({ token: TOKEN })).ask('/keys/rotate', { method: 'OPTIONS', headers: { ...BEARER, origin: 'https://evil.example', 'access-control-request-method': 'POST' } });
    expect(status).toBe(405);
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('answers', () => {
  test.each(Object.keys(ROUTES))('%s is never kept, has a HEAD where it has a GET, and says by which method it goes', async (path) => {
    const it = await admin();
    it.mesh.metrics = 'up 1\n';
    const got = await it.ask(path, ROUTES[path]);
    expect(got.headers['cache-control']).toBe('no-store');
    const allow = path === '/keys/rotate' ? 'POST' : 'GET, HEAD';
    const other = await it.ask(path, { method: 'DELETE' });
    expect([other.status, other.headers['allow'], other.headers['cache-control']]).toEqual([405, allow, 'no-store']);
    if (path === '/keys/rotate') return;
    const head = await it.ask(path, { method: 'HEAD' });
    expect([head.status, head.text, head.headers['content-type']]).toEqual([got.status, '', got.headers['content-type']]);
  });

  test('without an adapter for it /metrics says what to install', async () => {
    expect(await (await admin()).ask('/metrics')).toMatchObject({ status: 404, text: expect.stringContaining('npm install @lemur-bookstores/adapter-prometheus prom-client') });
  });

  test.each(['/', '/metrics/x', '/__proto__', '/constructor', '//stats', '/stats%2f', '/STATS', '*'])('%s is not there, and that is no refusal', async (path) => {
    const it = await admin();
    expect(await it.ask(path)).toMatchObject({ status: 404, text: expect.stringContaining('admin_not_found') });
    expect(it.trail.events).toEqual([]);
  });

  test('who asks for metrics while they are made gets the same ones: they are made once', async () => {
    const it = await admin();
    let made = 0;
    const text = (): Promise<string> => new Promise((resolve) => void setImmediate(() => resolve(`mesh_made_total ${++made}\n`)));
    it.mesh.metricsText = () => ({ contentType: 'text/plain', text });
    // Requests that come together are begun together.
    const request = (more = '') => `GET /metrics HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
    const answers = await it.raw(request() + request() + request('Connection: close\r\n'));
    expect(answers.match(/mesh_made_total \d+/g)).toEqual(Array(3).fill('mesh_made_total 1'));
    expect((await it.ask('/metrics')).text).toBe('mesh_made_total 2\n');
  });

  test('probes say why only to whom the rest is open, too', async () => {
    const check = { name: 'database', check: () => ({ status: 'unhealthy', error: 'db.internal refused', timestamp: new Date() }) as const };
    const it = await admin({ token: TOKEN });
    it.mesh.health.registerCheck(check);
    await it.mesh.health.runChecks();
    const [stranger, operator] = [await it.ask('/health/ready'), await it.ask('/health/ready', { headers: BEARER })];
    expect([stranger.status, operator.status]).toEqual([503, 503]);
    expect(stranger.text).toBe('{"status":"fail"}');
    expect(operator.text).toContain('db.internal refused');
    expect(it.trail.events).toEqual([]);
  });

  test.each<[string, number, string]>([
    ['?limit=0', 400, 'limit'],
    ['?limit=1001', 400, 'limit'],
    ['?limit=1e2', 400, 'limit'],
    ['?type=toString', 400, 'type'],
    ['?since=1', 400, 'the query knows type and limit'],
    ['?type=system&limit=1', 200, '"sequence":4'],
  ])('/audit/recent%s', async (query, status, said) => {
    const it = await admin();
    for (const [index, eventType] of (['connection', 'message', 'system', 'system'] as const).entries()) {
      it.mesh.recent.add({ id: String(index), sequence: index + 1, timestamp: new Date(0), eventType, serviceId: 'orders', details: { action: 'x', success: true } });
    }
    expect(await it.ask(`/audit/recent${query}`)).toMatchObject({ status, text: expect.stringContaining(said) });
  });
});

describe('POST /keys/rotate', () => {
  const rotate = (it: TestAdmin, body: string): ReturnType<TestAdmin['ask']> => it.ask('/keys/rotate', { ...ROTATE, body });

  test('rotates, gives what came of it, and the trail has who asked, before', async () => {
    const it = await admin({ token: TOKEN });
    it.mesh.rotate = () => Promise.resolve({ keyId: 'k', asked: it.trail.having('system.rotation_asked').length });
    const answer = await it.ask('/keys/rotate', { ...ROTATE, headers: { ...ROTATE.headers, ...BEARER }, body: '{"reason":"compromise"}' });
    expect([answer.status, JSON.parse(answer.text), it.mesh.rotations]).toEqual([200, { keyId: 'k', asked: 1 }, ['compromise']]);
    expect(it.trail.having('system.rotation_asked')).toEqual([
      { action: 'system.rotation_asked', success: true, metadata: { address: expect.stringMatching(/^127\.0\.0\.1:\d+$/), by: 'token', trigger: 'compromise' } },
    ]);
  });

  test('an empty body is a manual one', async () => {
    const it = await admin();
    expect((await rotate(it, '')).status).toBe(200);
    expect(it.mesh.rotations).toEqual(['manual']);
  });

  test.each([
    ['[]', 400],
    ['null', 400],
    ['{"reason":"certificate"}', 400],
    ['{"reason":null}', 400],
    ['{"reason":"manual","force":true}', 400],
    ['{"__proto__":{"reason":"manual"}}', 400],
    ['{', 400],
    [`{"reason":"${'x'.repeat(4_096)}"}`, 413],
  ])('what is no order is none: %#', async (body, status) => {
    const it = await admin();
    expect(await rotate(it, body)).toMatchObject({ status, text: expect.stringContaining('admin_request_invalid') });
    expect([it.mesh.rotations, it.trail.having('system.rotation_asked')]).toEqual([[], []]);
  });

  test('what the mesh rejects with is told; of what nobody foresaw nothing', async () => {
    const it = await admin();
    it.mesh.rotate = () => Promise.reject(new MeshError('not_initialized', 'call initialize() before'));
    expect(await rotate(it, '{}')).toMatchObject({ status: 409, text: expect.stringContaining('not_initialized') });
    it.mesh.rotate = () => Promise.reject(new Error('secret of the inside'));
    const { status, text } = await rotate(it, '{}');
    expect([status, json(text).error]).toEqual([500, { code: 'INTERNAL', reason: 'unexpected', message: expect.not.stringContaining('secret') }]);
    expect(it.warnings.join()).toContain('secret of the inside');
  });

  test('system events fail-closed and no sink: nothing is rotated', async () => {
    const it = await admin();
    it.trail.failClosed = true;
    it.trail.broken = new MeshError('audit_unavailable', 'no durable sink');
    expect(await rotate(it, '{}')).toMatchObject({ status: 503, text: expect.stringContaining('audit_unavailable') });
    expect(it.mesh.rotations).toEqual([]);
  });

  test('one that takes too long is answered; it goes on', async () => {
    const clock = new FakeClock();
    const it = await admin({ clock });
    let finish: (value: unknown) => void = () => {};
    const begun = new Promise<void>((resolve) => (it.mesh.rotate = () => {
      resolve();
      return new Promise((done) => (finish = done));
    }));
    const answer = rotate(it, '{}');
    await begun;
    await clock.advance(20_000);
    expect(await answer).toMatchObject({ status: 504, text: expect.stringContaining('what was begun goes on') });
    finish({});
  });
});

describe('refusals in the trail', () => {
  test('a burst is two events, and their counts add up', async () => {
    const clock = new FakeClock();
    const it = await admin({ token: TOKEN, clock });
    for (let i = 0; i < 50; i++) await it.ask('/stats', { headers: { authorization: `Bearer guess-number-${i}-of-many` } });
    await clock.advance(10_000);
    const events = it.trail.having('system.admin_refused');
    expect(events.map(({ messageCount }) => messageCount)).toEqual([1, 49]);
    expect(events[0]).toMatchObject({ success: false, error: expect.stringMatching(/^admin_unauthenticated: /), metadata: { method: 'GET', route: '/stats', status: 401, reason: 'admin_unauthenticated' } });
    expect(JSON.stringify(events)).not.toMatch(/guess|horse/);
  });

  test('what was counted is said at the end', async () => {
    const it = await admin({ token: TOKEN });
    for (let i = 0; i < 3; i++) await it.ask('/stats');
    await it.server.close();
    expect(it.trail.having('system.admin_refused').map(({ messageCount }) => messageCount)).toEqual([1, 2]);
  });
});

describe('bounds', () => {
  test.each<[string, string, string, number]>([
    ['headers of more than 8 KiB', `GET /stats HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`, '431', 431],
    ['no HTTP', 'hello\r\n\r\n', '400', 400],
    ['two lengths', 'POST /keys/rotate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}', '400', 400],
  ])('%s', async (_what, bytes, status, code) => {
    const it = await admin();
    expect(await it.raw(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(it.trail.having('system.admin_refused').map(({ metadata }) => metadata?.['status'])).toEqual([code]);
  });

  test('headers and bodies that drip in end in their time', async () => {
    const it = await admin({ limits: { headersMs: 100, requestMs: 200 } });
    const [headers, body] = await Promise.all([
      it.raw('GET /stats HTTP/1.1\r\nHost: localhost\r\n'),
      it.raw('POST /keys/rotate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"reason"'),
    ]);
    for (const text of [headers, body]) expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(it.mesh.rotations).toEqual([]);
  });

  test('connections that say nothing keep nobody out', async () => {
    const it = await admin({ limits: { connections: 8 } });
    const sockets = Array.from({ length: 20 }, () => it.socket());
    let ended = 0;
    const twelve = new Promise<void>((resolve) => sockets.forEach((socket) => socket.on('error', () => undefined).on('close', () => ++ended === 12 && resolve())));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    await twelve;
    expect((await it.ask('/health/live')).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  test('close() gives what is under way its time, and no more', async () => {
    const clock = new FakeClock();
    const it = await admin({ clock, limits: { closeMs: 1_000 } });
    const begun = new Promise<void>((resolve) => (it.mesh.rotate = () => {
      resolve();
      return new Promise(() => {});
    }));
    const cut = it.ask('/keys/rotate', ROTATE).then(() => 'answered', () => 'cut');
    await begun;
    const closed = it.server.close();
    // Twice: awaiting `#opening` comes first.
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1_000);
    await closed;
    expect([await cut, it.server.port]).toEqual(['cut', undefined]);
  });
});

describe('listening', () => {
  test('a port that is taken: said with the option; it may be tried again', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const it = new TestAdmin({ port });
    await expect(it.server.listen()).rejects.toMatchObject({ reason: 'port_in_use', message: expect.stringContaining(`admin.port: something already listens on 127.0.0.1:${port}`) });
    expect(it.server.port).toBeUndefined();
    await new Promise((resolve) => taken.close(resolve));
    open.push(it);
    expect([await it.server.listen(), await it.server.listen(), it.port]).toEqual([true, false, port]);
  });

  test('an address that is not this machine\'s', async () => {
    await expect(new TestAdmin({ host: '192.0.2.1' }).server.listen()).rejects.toMatchObject({ reason: 'listen_failed' });
  });

  test.each<[string, object, RegExp]>([
    ['a short token', { token: 'fifteen-letters' }, /^invalid_option: admin\.token: must have 16 to 512/],
    ['a token with spaces', { token: 'correct horse battery' }, /admin\.token/],
    ['a token that no header can have', { token: 'correct-horse-bättery' }, /admin\.token/],
    ['a token that is none', { token: 1234567890123456 }, /admin\.token/],
    ['no port', { port: undefined }, /admin\.port: is required/],
    ['no such port', { port: 65_536 }, /admin\.port/],
    ['an empty host', { host: '' }, /admin\.host/],
  ])('%s is told, and not repeated', (_what, options, message) => {
    let told = '';
    try {
      void new TestAdmin(options);
    } catch (error) {
      told = (error as Error).message;
    }
    expect(told).toMatch(message);
    expect(told).not.toMatch(/horse|fifteen|1234/);
  });
});
