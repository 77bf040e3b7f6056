import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import { LocalDiscovery } from '../src/endpoint/local-discovery.js';
import { WebSocketTransport } from '../src/transport/websocket-transport.js';
import type { MeshNode } from '../src/mesh-node.js';
import { AttackedTransport } from './support/attacked-transport.js';
import { RecordingAudit, RecordingLogger, TestDiscovery, TestMesh, untrusted } from './support/nodes.js';
import { rejection, turns } from './support/wire.js';

let mesh: TestMesh;
beforeEach(() => {
  mesh = new TestMesh({ limits: { drainMs: 200 } });
});
afterEach(() => mesh.stop());

const add = ({ a, b }: { a: number; b: number }): number => a + b;

describe('life', () => {
  test('from new to running to stopped', async () => {
    const node = mesh.node('a');
    expect([node.state, node.port]).toEqual(['new', undefined]);
    const starting = node.start();
    expect(node.state).toBe('starting');
    await starting;
    expect([node.state, typeof node.port]).toEqual(['running', 'number']);
    const stopping = node.stop();
    expect(node.state).toBe('draining');
    await stopping;
    expect([node.state, node.port]).toEqual(['stopped', undefined]);
  });

  test('a call before start() and one after stop() are told apart', async () => {
    const node = mesh.node('a');
    const calls = node.connect('b');
    expect(await rejection(calls.call('m', 1))).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'not_initialized', mayHaveRun: false });
    await node.start();
    await node.stop();
    expect(await rejection(calls.call('m', 1))).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'mesh_closed', mayHaveRun: false });
  });

  test('start() works once', async () => {
    const node = await mesh.started('a');
    expect(await rejection(node.start())).toMatchObject({ reason: 'already_initialized' });
    await node.stop();
    expect(await rejection(node.start())).toMatchObject({ reason: 'mesh_closed' });
  });

  test('a start that failed may be tried again: nothing of it is left', async () => {
    const taken = await mesh.started('a');
    const discovery = new TestDiscovery();
    const node = mesh.node('b', { port: taken.port as number, discovery });
    expect(await rejection(node.start())).toMatchObject({ reason: 'port_in_use' });
    expect([node.state, discovery.nodes]).toEqual(['new', []]);
    await taken.stop();
    await node.start();
    expect(discovery.nodes).toHaveLength(1);
  });

  test('a discovery that refuses the registration ends the start, and the port is free again', async () => {
    const discovery = new TestDiscovery();
    discovery.register = () => Promise.reject(new MeshError('runtime_dir_unsafe', 'no'));
    const node = mesh.node('a', { discovery, port: 4_711 });
    expect(await rejection(node.start())).toMatchObject({ reason: 'runtime_dir_unsafe' });
    await mesh.started('b', { port: 4_711 });
  });

  test('an identity that cannot be loaded ends the start before anything listens', async () => {
    const node = mesh.node('a', { hooks: { onLoad: () => Promise.reject(new MeshError('identity_unreadable', 'no')) } });
    expect(await rejection(node.start())).toMatchObject({ reason: 'identity_unreadable' });
    expect(node.port).toBeUndefined();
  });

  test('stop() before start(), and twice', async () => {
    const node = mesh.node('a');
    await node.stop();
    await node.stop();
    expect(node.state).toBe('stopped');
  });

  test('regression: a second stop() waits for the first and cuts nothing short', async () => {
    let finish: ((value: string) => void) | undefined;
    const server = await mesh.started('server', { limits: { drainMs: 10_000 } }, (node) => node.handle('slow', () => new Promise((resolve) => (finish = resolve))));
    const calls = (await mesh.started('client')).connect('server');
    const answer = calls.call('slow', 1);
    while (finish === undefined) await turns();
    const ends: string[] = [];
    const first = server.stop().then(() => ends.push('first'));
    const second = server.stop().then(() => ends.push('second'));
    await turns(10);
    expect([server.state, ends]).toEqual(['draining', []]);
    finish('done');
    expect(await answer).toBe('done');
    await Promise.all([first, second]);
    expect(ends).toHaveLength(2);
  });

  test('what is used alone has a default', async () => {
    const node = mesh.node('a');
    expect(node.connect('b')).toBe(node.connect('b'));
    expect(node.snapshot()).toMatchObject({
      calls: [], messagesSent: 0, messagesFailed: 0, messagesReceived: 0, averageLatency: 0, connectionsSuccessful: 0, connectionsFailed: 0,
      sessions: { inbound: 0, outbound: 0 }, connectedServices: [], handshakes: {}, bytes: { sent: 0, received: 0 },
    });
    expect(node.discoveryState).toEqual({ lastSuccessAt: 0, lastError: undefined, knownServices: 0 });
  });
});

describe('stop()', () => {
  test('lets handlers in flight answer', async () => {
    let finish: ((value: string) => void) | undefined;
    const server = await mesh.started('server', { limits: { drainMs: 10_000 } }, (node) => node.handle('slow', () => new Promise((resolve) => (finish = resolve))));
    const calls = (await mesh.started('client')).connect('server');
    const answer = calls.call('slow', 1);
    while (finish === undefined) await turns();
    const stopped = server.stop();
    await turns(5);
    finish('done');
    expect(await answer).toBe('done');
    await stopped;
  });

  test('regression: what those handlers call themselves still goes through', async () => {
    const drain = { limits: { drainMs: 10_000 } };
    await mesh.started('stock', drain, (node) => node.handle('reserve', () => 'reserved'));
    let go: (() => void) | undefined;
    const order = await mesh.started('order', drain, (node) =>
      node.handle('create', async () => {
        await new Promise<void>((resolve) => (go = resolve));
        return node.connect('stock').call('reserve', {});
      }),
    );
    order.connect('stock');
    const answer = (await mesh.started('client', drain)).connect('order').call('create', {});
    while (go === undefined) await turns();
    const stopped = order.stop();
    await turns(5);
    go();
    expect(await answer).toBe('reserved');
    await stopped;
    expect(await rejection(order.connect('stock').call('reserve', {}))).toMatchObject({ reason: 'mesh_closed' });
  });

  test('cuts what does not end within drainMs, and its caller may think of it what is true', async () => {
    let aborted: AbortSignal | undefined;
    const server = await mesh.started('server', { limits: { drainMs: 20 } }, (node) => node.handle('hang', (_input, { signal }) => ((aborted = signal), new Promise(() => {}))));
    const calls = (await mesh.started('client')).connect('server');
    const outcome = rejection(calls.call('hang', 1));
    while (aborted === undefined) await turns();
    await server.stop();
    expect(await outcome).toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
    expect(aborted.aborted).toBe(true);
  });

  test('is not held up by a peer that says nothing', async () => {
    const server = await mesh.started('server', { limits: { drainMs: 60_000 } });
    const client = await mesh.started('client');
    await client.connect('server').call('health', {});
    await server.stop();
    expect(client.snapshot().sessions.outbound).toBe(0);
  });

  test('lets own calls in flight end', async () => {
    let finish: ((value: string) => void) | undefined;
    await mesh.started('server', {}, (node) => node.handle('slow', () => new Promise((resolve) => (finish = resolve))));
    const client = await mesh.started('client', { limits: { drainMs: 10_000 } });
    const answer = client.connect('server').call('slow', 1);
    while (finish === undefined) await turns();
    const stopped = client.stop();
    await turns(5);
    finish('done');
    expect(await answer).toBe('done');
    await stopped;
  });

  test('fails calls that wait for a connection: provably not run', async () => {
    const client = await mesh.started('client');
    const outcome = rejection(client.connect('nobody').call('m', 1));
    await client.stop();
    expect(await outcome).toMatchObject({ reason: 'session_closed', mayHaveRun: false });
  });

  test('regression: a call that a peer hands back meanwhile starts nothing anew', async () => {
    let reached: (() => void) | undefined;
    const atServer = new Promise<void>((resolve) => (reached = resolve));
    const server = await mesh.started('server', { limits: { drainMs: 50 } }, (node) => node.handle('hang', () => (reached?.(), new Promise(() => {}))));
    const client = await mesh.started('client', { limits: { drainMs: 50 } });
    const outcome = rejection(client.connect('server').call('hang', 1));
    await atServer;
    await Promise.all([client.stop(), server.stop()]);
    expect((await outcome).reason).toBe('connection_lost');
    await mesh.started('server');
    await turns(20);
    expect(client.snapshot().sessions).toEqual({ inbound: 0, outbound: 0 });
  });

  test('both ends at once', async () => {
    const server = await mesh.started('server', {}, (node) => node.handle('add', add as never));
    const client = await mesh.started('client');
    expect(await client.connect('server').call('add', { a: 1, b: 2 })).toBe(3);
    await Promise.all([server.stop(), client.stop()]);
  });

  test('a discovery that fails does not keep it from stopping', async () => {
    const discovery = new TestDiscovery();
    discovery.deregister = () => Promise.reject(new Error('etcd is down'));
    const closing = Object.assign(discovery, { close: () => Promise.reject(new Error('etcd is down')) });
    const node = await mesh.started('a', { discovery: closing });
    await node.stop();
    expect(node.state).toBe('stopped');
  });

  test('takes the own instance out of discovery first', async () => {
    const node = await mesh.started('a');
    expect(mesh.discovery.nodes.map(({ id }) => id)).toEqual(['a']);
    const stopped = node.stop();
    await turns();
    expect(mesh.discovery.nodes).toEqual([]);
    await stopped;
  });
});

describe('peers', () => {
  test('a named service is dialled in the background, without a call', async () => {
    const client = mesh.node('client');
    client.connect('server');
    await mesh.started('server');
    await client.start();
    while (client.snapshot().sessions.outbound === 0) await turns();
    expect(client.snapshot()).toMatchObject({ connectedServices: ['server'], connectionsSuccessful: 1, handshakes: { ok: 1 } });
  });

  test('several instances share the calls, least-loaded first', async () => {
    let release: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const counts = [0, 0, 0];
    for (let index = 0; index < 3; index++) await mesh.started('server', {}, (node) => node.handle('work', async () => ((counts[index] = (counts[index] as number) + 1), await gate)));
    const client = await mesh.started('client');
    const calls = client.connect('server');
    while (client.snapshot().sessions.outbound < 3) await turns();
    const all = Array.from({ length: 30 }, () => calls.call('work', {}));
    await turns(10);
    // Two choices: never the busiest of three, so that they stay close together.
    expect(counts.reduce((sum, count) => sum + count)).toBe(30);
    for (const count of counts) expect(Math.abs(count - 10)).toBeLessThanOrEqual(4);
    release?.();
    await Promise.all(all);
  });

  test('a restarted service is found again, and calls recover by themselves', async () => {
    const first = await mesh.started('server', {}, (node) => node.handle('add', add as never));
    const client = await mesh.started('client', { backoff: { initialMs: 1, maxMs: 10 } });
    const calls = client.connect('server');
    expect(await calls.call('add', { a: 1, b: 1 })).toBe(2);
    await first.stop();
    await mesh.started('server', {}, (node) => node.handle('add', add as never));
    expect(await calls.call('add', { a: 2, b: 2 })).toBe(4);
  });

  test('disconnect() closes the sessions; the next call opens new ones', async () => {
    const audit = new RecordingAudit();
    await mesh.started('server');
    const client = await mesh.started('client', { audit });
    const calls = client.connect('server');
    await calls.call('health', {});
    await client.disconnect('server');
    expect(client.snapshot().sessions.outbound).toBe(0);
    await calls.call('health', {});
    expect(client.snapshot().connectionsSuccessful).toBe(2);
    expect(audit.actions('connection')).toEqual(['auth.succeeded', 'connection.open', 'connection.close', 'auth.succeeded', 'connection.open']);
  });

  test.each([
    ['the dialler does not trust the acceptor', { client: { verifyAcceptor: untrusted }, server: {} }, 'peer_untrusted', 'UNAUTHENTICATED'],
    ['another service is behind the address', { client: { verifyAcceptor: () => new MeshError('peer_mismatch', 'expected a, found b') }, server: {} }, 'peer_mismatch', 'UNAUTHENTICATED'],
  ])('where %s, calls fail at once with that reason', async (_name, hooks, reason, code) => {
    await mesh.started('server', { hooks: hooks.server });
    const logger = new RecordingLogger();
    const audit = new RecordingAudit();
    const client = await mesh.started('client', { hooks: hooks.client, logger, audit });
    const before = performance.now();
    expect(await rejection(client.connect('server').call('health', {}))).toMatchObject({ reason, code, mayHaveRun: false });
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(client.snapshot()).toMatchObject({ sessions: { outbound: 0 }, connectionsSuccessful: 0 });
    expect(audit.actions('connection')).toContain('auth.failed');
    expect(logger.lines[0]).toContain('is not who it should be');
  });

  test('where the acceptor does not trust the dialler, that one is told nothing but the end', async () => {
    const audit = new RecordingAudit();
    const server = await mesh.started('server', { hooks: { verifyDialler: untrusted }, audit });
    const clock = new FakeClock();
    const client = await mesh.started('client', { clock });
    const outcome = rejection(client.connect('server').call('health', {}));
    for (let i = 0; i < 50; i++) await clock.advance(50);
    expect(await outcome).toMatchObject({ reason: 'no_endpoint', code: 'UNAVAILABLE', mayHaveRun: false, cause: { reason: 'handshake_rejected' } });
    expect(server.snapshot().handshakes['peer_untrusted']).toBeGreaterThan(0);
    expect(audit.actions('connection')).toContain('auth.failed');
    expect(audit.actions()).not.toContain('auth.succeeded');
  });
});

describe('a peer that falls silent', () => {
  test('its calls in flight are lost 25 s later, at once, and may have run; the next one finds it again', async () => {
    const clock = new FakeClock();
    const quiet = new TestMesh({ clock });
    await quiet.started('server', {}, (node) => node.handle('hang', () => new Promise(() => {})));
    let dials = 0;
    const stalling = new AttackedTransport(quiet.transport, () => (dials++ === 0 ? { attack: 'stall', direction: 'in', message: 3 } : undefined));
    const client = await quiet.started('client', { transport: stalling, timeoutMs: 120_000 });
    const calls = client.connect('server');
    expect(await calls.call('health', {})).toBeDefined();
    const outcomes = [rejection(calls.call('hang', 1)), rejection(calls.call('hang', 2))];
    let ended = 0;
    for (const outcome of outcomes) void outcome.then(() => ended++);
    await clock.advance(24_900);
    expect(ended).toBe(0);
    await clock.advance(200);
    for (const outcome of outcomes) expect(await outcome).toMatchObject({ reason: 'connection_lost', mayHaveRun: true, cause: { reason: 'keepalive_timeout' } });
    await clock.advance(100);
    const again = calls.call('health', {});
    await turns(20);
    expect(await again).toBeDefined();
    const stopped = quiet.stop();
    for (let i = 0; i < 30; i++) await clock.advance(1_000);
    await stopped;
  });
});

describe('what a newcomer meets (PROTOCOL 6.3)', () => {
  test('a service that nobody runs, within 2 s, word by word', async () => {
    const runtimeDir = mkdtempSync(join(tmpdir(), 'mesh-core-test-'));
    const client = await mesh.started('client', { discovery: new LocalDiscovery({ runtimeDir }) });
    const before = performance.now();
    const error = await rejection(client.connect('order-service').call('m', {}));
    expect(performance.now() - before).toBeLessThan(2_000);
    expect(error.code).toBe('NOT_FOUND');
    expect(error.message).toBe(`unknown_service: no 'order-service' in ${runtimeDir}; local discovery sees only this user on this filesystem; in containers set discovery and identity`);
    await client.stop();
    rmSync(runtimeDir, { recursive: true });
  });
});

describe('figures', () => {
  test('bytes and sessions count both directions, also of sessions that have ended', async () => {
    const server = await mesh.started('server', {}, (node) => node.handle('echo', (input) => input));
    const client = await mesh.started('client');
    await client.connect('server').call('echo', 'x'.repeat(10_000));
    await turns(2);
    const [atClient, atServer] = [client.snapshot(), server.snapshot()];
    expect(atClient.bytes.sent).toBeGreaterThan(10_000);
    expect([atServer.bytes.received, atServer.bytes.sent]).toEqual([atClient.bytes.sent, atClient.bytes.received]);
    expect([atServer.sessions, atClient.sessions]).toEqual([{ inbound: 1, outbound: 0 }, { inbound: 0, outbound: 1 }]);
    expect([atServer.connectedServices, atClient.connectedServices]).toEqual([['client'], ['server']]);
    await client.disconnect('server');
    expect(client.snapshot().bytes.sent).toBeGreaterThanOrEqual(atClient.bytes.sent);
  });

  test('onStopped comes once, when sessions have ended and before the trail says so; not where nothing was started', async () => {
    const audit = new RecordingAudit();
    const seen: string[][] = [];
    const onStopped = (): void => void seen.push(audit.events.map(({ details }) => details.action));
    const [server, client] = [await mesh.started('server', { audit, onStopped }), await mesh.started('client')];
    server.handle('echo', (input) => input);
    await client.connect('server').call('echo', 1);
    await Promise.all([server.stop(), server.stop()]);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toContain('connection.close');
    expect([seen[0]?.includes('system.stop'), audit.events.at(-1)?.details.action]).toEqual([false, 'system.stop']);
    await mesh.node('never', { onStopped }).stop();
    expect(seen).toHaveLength(1);
  });

  test('start and stop are system events', async () => {
    const audit = new RecordingAudit();
    const node = await mesh.started('a', { audit });
    const port = node.port;
    await node.stop();
    expect(audit.events.map(({ eventType, details }) => [eventType, details.action, details.success])).toEqual([['system', 'system.start', true], ['system', 'system.stop', true]]);
    expect(audit.events[0]?.details.metadata).toEqual({ port, peerId: 'spiffe://test/a' });
  });

  test('health answers what the mesh says of itself', async () => {
    await mesh.started('server', { health: () => 'degraded' });
    const client = await mesh.started('client');
    expect(await client.connect('server').call('health', {})).toEqual({ service: 'server', status: 'degraded' });
  });
});

describe('over real sockets', () => {
  let sockets: TestMesh;
  let server: MeshNode;
  let client: MeshNode;

  beforeEach(async () => {
    sockets = new TestMesh({ transport: new WebSocketTransport(), limits: { drainMs: 500 } });
    server = await sockets.started('server', {}, (node) => {
      node.handle('add', add as never);
      node.handle('echo', (input) => input);
    });
    client = await sockets.started('client');
  });
  afterEach(() => sockets.stop());

  test('calls of all sizes, many at once', async () => {
    const calls = client.connect('server');
    const sizes = [0, 1, 100, 8_192, 8_193, 100_000, 262_000, 262_200, 1_000_000, 4_000_000];
    const answers = await Promise.all(sizes.map((size) => calls.call('echo', Buffer.alloc(size, size))));
    answers.forEach((answer, index) => expect((answer as Buffer).equals(Buffer.alloc(sizes[index] as number, sizes[index]))).toBe(true));
    expect(await Promise.all(Array.from({ length: 500 }, (_, index) => calls.call('add', { a: index, b: 1 })))).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
    expect(client.snapshot()).toMatchObject({ messagesFailed: 0, connectionsSuccessful: 1 });
  });

  test('a port in use is named', async () => {
    const error = await rejection(sockets.node('late', { port: server.port as number }).start());
    expect(error).toMatchObject({ reason: 'port_in_use' });
    expect(error.text).toContain(String(server.port));
  });

  test('a server that goes away in the middle of a call: connection_lost, may have run', async () => {
    let reached: (() => void) | undefined;
    const atServer = new Promise<void>((resolve) => (reached = resolve));
    server.handle('hang', () => (reached?.(), new Promise(() => {})));
    const outcome = rejection(client.connect('server').call('hang', {}));
    await atServer;
    await server.stop();
    expect(await outcome).toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
  });

  test('JSON 100,000 levels deep is refused, and the connection lives on', async () => {
    const bomb = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const nested = { toJSON: () => bomb };
    expect(await client.connect('server').call('echo', nested)).toBe(bomb);
    // The text itself, as a peer would send that does not use our encoder.
    const hostile = await sockets.started('hostile', { codec: { encode: () => Buffer.from(bomb), decode: () => undefined } });
    expect(await rejection(hostile.connect('server').call('echo', {}))).toMatchObject({ reason: 'body_invalid', mayHaveRun: false });
    expect(await hostile.connect('server').call('echo', Buffer.from('still here'))).toEqual(Buffer.from('still here'));
    expect(hostile.snapshot().connectionsSuccessful).toBe(1);
  });
});
