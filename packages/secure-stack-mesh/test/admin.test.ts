import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect, createServer, type AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { MetricsAdapter, PrometheusAdapter } from '@lemur-bookstores/adapter-prometheus';
import type { AuditEventDetails, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { Registry } from 'prom-client';
import type { AdminStats } from '../src/admin-endpoint.js';
import { SecureMesh } from '../src/secure-mesh.js';
import { Child } from './support/child.js';
import { isFree } from './support/free-port.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const TOKEN = 'correct-horse-battery-staple';
const BEARER = { authorization: `Bearer ${TOKEN}` };
const ROTATE = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
const CLI = createRequire(import.meta.url).resolve('@lemur-bookstores/mesh-cli').replace(/index\.js$/, 'main.js');

const urlOf = ({ mesh }: TestMesh, path: string): string => `http://127.0.0.1:${mesh.adminPort}${path}`;
const stats = async (of: TestMesh): Promise<AdminStats> => (await fetch(urlOf(of, '/stats'))).json() as Promise<AdminStats>;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The real program, in a process of its own. */
async function cli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, NODE_OPTIONS: '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

interface Trailed extends AuditEventDetails {
  readonly eventType: string;
}

describe('a mesh in a process of its own', () => {
  async function started(admin: object): Promise<{ child: Child; url: string }> {
    const child = bed.closing(new Child('admin-mesh.mjs', { ADMIN: JSON.stringify({ port: 0, ...admin }), KEYS_DIR: bed.paths.keysDir, RUNTIME_DIR: bed.paths.runtimeDir }));
    const { adminPort } = await child.next<{ adminPort: number }>();
    return { child, url: `http://127.0.0.1:${adminPort}` };
  }

  const ROUTES: readonly (readonly [string, RequestInit])[] = [['/health/live', {}], ['/health/ready', {}], ['/health/startup', {}], ['/metrics', {}], ['/stats', {}], ['/audit/recent', {}], ['/keys/rotate', ROTATE]];
  test.each<[string, object, object, number]>([
    ['loopback, no token', {}, {}, 200],
    ['loopback, a token that is shown', { token: TOKEN }, BEARER, 200],
    ['loopback, a token that is not', { token: TOKEN }, {}, 401],
    ['all interfaces, no token', { host: '0.0.0.0' }, {}, 403],
    ['all interfaces, a token that is shown', { host: '0.0.0.0', token: TOKEN }, BEARER, 200],
    ['all interfaces, another token', { host: '0.0.0.0', token: TOKEN }, { authorization: 'Bearer correct-horse-battery-stapl_' }, 401],
  ])('%s: probes and metrics are 200, the rest is what it should be', async (_what, admin, headers, guarded) => {
    const { child, url } = await started(admin);
    const statuses: number[] = [];
    for (const [path, init] of ROUTES) statuses.push((await fetch(url + path, { ...init, headers: { ...(init.headers as object), ...headers } })).status);
    expect(statuses).toEqual([200, 200, 200, 200, guarded, guarded, guarded]);
    const trail = await child.ask<Trailed[]>('trail');
    expect(trail.filter(({ action }) => action === 'key.rotated').length).toBe(guarded === 200 ? 1 : 0);
    expect(trail.filter(({ action }) => action === 'system.admin_refused').length).toBe(guarded === 200 ? 0 : 1);
    expect(JSON.stringify(trail)).not.toContain('horse');
    child.tell('end');
    expect(await child.ended).toMatchObject({ code: 0, stdout: '', stderr: guarded === 403 ? expect.stringContaining('without a token') : '' });
  });

  test('the command line rotates its keys: both ends have the evidence, and no call is lost', async () => {
    const { child, url } = await started({ token: TOKEN });
    const caller = await bed.running({ serviceId: 'orders' });
    const payments = caller.mesh.connect('payments');
    expect(await payments.call('pay', 1)).toBe(1);
    const env = { MESH_ADMIN_TOKEN: TOKEN };
    const before = JSON.parse((await cli(['keys', 'status', '--url', url, '--json'], env)).out) as { staticKey: { keyId: string } };
    const rotated = await cli(['keys', 'rotate', '--url', url, '--json'], env);
    expect([rotated.code, rotated.err]).toEqual([0, '']);
    expect(JSON.parse(rotated.out)).toMatchObject({ previousKeyId: before.staticKey.keyId, trigger: 'manual', sessionsRekeyed: 1, sessionsEnded: 0, sessionsLeft: 0 });
    const after = JSON.parse((await cli(['keys', 'status', '--url', url, '--json'], env)).out) as { staticKey: { keyId: string } };
    expect(after.staticKey.keyId).toBe((JSON.parse(rotated.out) as { keyId: string }).keyId);
    expect(await payments.call('pay', 2)).toBe(2);

    const there = await child.ask<Trailed[]>('trail');
    expect(there.filter(({ action }) => action === 'system.rotation_asked')).toEqual([expect.objectContaining({ eventType: 'system', success: true, metadata: { address: expect.stringMatching(/^127\.0\.0\.1:\d+$/), by: 'token', trigger: 'manual' } })]);
    expect(there.filter(({ action, metadata }) => action === 'key.rotated' && metadata?.['keyType'] === 'static').map(({ metadata }) => metadata?.['keyId'])).toEqual([after.staticKey.keyId]);
    const sessionKeys = ({ action, metadata }: AuditEventDetails): boolean => action === 'key.rotated' && metadata?.['keyType'] === 'session';
    expect(there.filter(sessionKeys).length).toBe(1);
    await until('the caller has new keys, too', () => caller.audit.events.some(({ details }) => sessionKeys(details)));

    const topology = await cli(['topology', '--url', url], env);
    expect(topology.out).toMatch(/^orders +payments +- +connected +\d+ +0 +- +spiffe:\/\/local-[0-9a-f]+\/orders$/m);
    for (const command of [['status'], ['health']]) expect(await cli([...command, '--url', url], env)).toMatchObject({ code: 0, err: '' });
    expect((await cli(['status', '--url', url])).code).toBe(1);
    child.kill();
    await child.ended;
    expect((await cli(['health', '--url', url])).code).toBe(3);
  });
});

describe('what is served', () => {
  test('/metrics is the registry of the adapter; /stats is what getStats(), metrics() and the topology say', async () => {
    const server = await bed.running({ serviceId: 'payments', admin: { port: 0 }, monitoring: { adapters: [new PrometheusAdapter({ register: new Registry() })] } });
    server.mesh.handle('pay', (input) => input);
    const client = await bed.running({ serviceId: 'orders', admin: { port: 0 } });
    await client.mesh.connect('payments').call('pay', {});
    const metrics = await fetch(urlOf(server, '/metrics'));
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await metrics.text()).toMatch(/^rpc_server_call_duration_seconds_count\{.*rpc_method="pay".*\} 1$/m);
    const missing = await fetch(urlOf(client, '/metrics'));
    expect([missing.status, await missing.text()]).toEqual([404, expect.stringContaining('npm install @lemur-bookstores/adapter-prometheus')]);

    const [there, here] = [await stats(server), await stats(client)];
    expect(here).toMatchObject({ service: 'orders', peerId: client.mesh.crypto.id, staticKeyId: client.mesh.crypto.staticKeyId, port: client.port, pid: process.pid, started: true, ready: true, health: { status: 'healthy' } });
    expect(here.stats).toMatchObject({ service: 'orders', connectedServices: ['payments'], metrics: { messagesSent: 1 } });
    expect(here.metrics).toMatchObject({ sessions: { inbound: 0, outbound: 1 }, calls: [{ method: 'pay', started: 1 }] });
    expect(here.metrics).not.toHaveProperty('stats');
    expect(here.topology).toEqual({
      outbound: [{ service: 'payments', endpoints: [{ endpoint: `127.0.0.1:${server.port}`, instanceId: expect.any(String), state: 'connected', peerId: server.mesh.crypto.id, sessions: 1, callsInFlight: 0, breaker: 'closed' }] }],
      inbound: [],
    });
    expect(there.topology).toEqual({ outbound: [], inbound: [{ service: 'orders', peerId: client.mesh.crypto.id, sessions: 1, callsInFlight: 0 }] });
  });

  test('/metrics is that of the adapter that has metrics, wherever it stands', async () => {
    const adapters = [new MetricsAdapter({ destination: () => undefined }), new PrometheusAdapter({ register: new Registry() })];
    const at = await bed.running({ serviceId: 'orders', admin: { port: 0 }, monitoring: { adapters } });
    expect(await (await fetch(urlOf(at, '/metrics'))).text()).toMatch(/^mesh_sessions\{.*\} 0$/m);
  });

  test('the newest events, redacted, also where no adapter takes any', async () => {
    const at = await bed.running({ serviceId: 'orders', admin: { port: 0 }, monitoring: { events: ['system', 'connection'] } });
    at.mesh.audit.record({ eventType: 'system', details: { action: 'custom.thing', success: true, metadata: { password: 'horse' } } });
    at.mesh.audit.record({ eventType: 'error', details: { action: 'left.out', success: false } });
    const recent = async (of: TestMesh, query = ''): Promise<MeshAuditEvent[]> => ((await (await fetch(urlOf(of, `/audit/recent${query}`))).json()) as { events: MeshAuditEvent[] }).events;
    const events = await recent(at);
    expect(events.map(({ details }) => details.action)).toEqual(expect.arrayContaining(['audit.start', 'system.start', 'custom.thing']));
    expect(events.map(({ details }) => details.action)).not.toContain('left.out');
    expect(JSON.stringify(events)).not.toContain('horse');
    expect((await recent(at, '?limit=1&type=system')).map(({ details }) => details.action)).toEqual(['custom.thing']);
    const bare = bed.closing(new SecureMesh({ serviceId: 'bare', port: 0, admin: { port: 0 }, paths: bed.paths }));
    await bare.initialize();
    expect((await recent({ ...at, mesh: bare })).map(({ details }) => details.action)).toContain('system.start');
    expect([bare.audit.stats().adapters, Object.keys(bare.health.getResults())]).toEqual([[], ['mesh-core', 'crypto', 'discovery']]);
    await bare.cleanup();
  });

  test('pages and proxies get nothing that operators get', async () => {
    const at = await bed.running({ serviceId: 'orders', admin: { port: 0 } });
    const ask = (head: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(at.mesh.adminPort as number, '127.0.0.1');
        let text = '';
        socket.on('data', (chunk) => (text += chunk.toString())).on('close', () => resolve(text.slice(0, 12)));
        socket.write(`POST /keys/rotate HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n${head}\r\n\r\n{}`);
      });
    const JSON_TYPE = 'Content-Type: application/json';
    expect([
      await ask(`Host: evil.example\r\n${JSON_TYPE}`),
      await ask(`Host: localhost\r\nOrigin: http://localhost\r\n${JSON_TYPE}`),
      await ask(`Host: localhost\r\nX-Forwarded-For: 10.1.1.1\r\n${JSON_TYPE}`),
      await ask('Host: localhost\r\nContent-Type: text/plain'),
      await ask(`Host: localhost\r\n${JSON_TYPE}`),
    ]).toEqual(['HTTP/1.1 403', 'HTTP/1.1 403', 'HTTP/1.1 403', 'HTTP/1.1 415', 'HTTP/1.1 200']);
    await at.mesh.cleanup();
    expect(at.audit.having('system.rotation_asked')).toHaveLength(1);
    expect(at.audit.having('system.admin_refused').map(({ details: { messageCount, metadata } }) => [messageCount, metadata?.['status']])).toEqual([[1, 403], [1, 415], [2, 403]]);
  });
});

describe('life cycle', () => {
  test('off unless asked for', async () => {
    const { mesh } = await bed.running({ serviceId: 'orders' });
    expect(mesh.adminPort).toBeUndefined();
  });

  test('a port that is taken: initialize() rejects, nothing is left open, and it may be tried again', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { mesh } = bed.mesh({ serviceId: 'orders', admin: { port } });
    await expect(mesh.initialize()).rejects.toMatchObject({ reason: 'port_in_use', message: expect.stringContaining('admin.port') });
    expect([mesh.port, mesh.adminPort, mesh.ready]).toEqual([undefined, undefined, false]);
    await new Promise((resolve) => taken.close(resolve));
    await mesh.initialize();
    expect([mesh.adminPort, mesh.ready]).toEqual([port, true]);
    await expect(mesh.initialize()).rejects.toMatchObject({ reason: 'already_initialized' });
    expect(mesh.adminPort).toBe(port);
    await mesh.cleanup();
    expect([mesh.adminPort, await isFree(port)]).toEqual([undefined, true]);
    await expect(mesh.initialize()).rejects.toMatchObject({ reason: 'mesh_closed' });
    expect(await isFree(port)).toBe(true);
  });

  test('where the mesh itself cannot start, the endpoint does not stay', async () => {
    const { port } = await bed.running({ serviceId: 'orders' });
    const { mesh } = bed.mesh({ serviceId: 'payments', port, admin: { port: 0 } });
    await expect(mesh.initialize()).rejects.toMatchObject({ reason: 'port_in_use' });
    expect(mesh.adminPort).toBeUndefined();
  });

  test('probes are answered until the last call has ended, and a rotation is refused by then', async () => {
    const server = await bed.running({ serviceId: 'payments', admin: { port: 0 } });
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const begun = new Promise<void>((resolve) => server.mesh.handle('slow', () => {
      resolve();
      return held;
    }));
    const client = await bed.running({ serviceId: 'orders' });
    const call = client.mesh.connect('payments').call('slow', {});
    await begun;
    const closed = server.mesh.cleanup();
    const answers = await Promise.all([fetch(urlOf(server, '/health/live')), fetch(urlOf(server, '/health/ready')), fetch(urlOf(server, '/keys/rotate'), { ...ROTATE })]);
    expect(answers.map(({ status }) => status)).toEqual([200, 503, 409]);
    letGo();
    await call;
    await closed;
    expect(server.mesh.adminPort).toBeUndefined();
  });

  test('the token is not to be seen in the mesh, its log, its trail or its figures', async () => {
    const at = await bed.running({ serviceId: 'orders', admin: { port: 0, token: TOKEN } });
    for (const headers of [BEARER, { authorization: `Bearer ${TOKEN}!` }]) await fetch(urlOf(at, '/stats'), { headers });
    const answer = await (await fetch(urlOf(at, '/stats'), { headers: BEARER })).text();
    expect(`${inspect(at.mesh, { depth: 10, showHidden: true })}${at.log.join()}${JSON.stringify(at.audit.events)}${answer}`).not.toContain('horse');
  });
});
