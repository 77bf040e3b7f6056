import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Connection, Listener } from '@lemur-bookstores/mesh-interface';
import { WebSocket } from 'ws';
import { SUBPROTOCOL, WebSocketTransport } from '../../src/transport/websocket-transport.js';
import { openDoor } from '../support/open-door.js';
import { rejection } from '../support/wire.js';

const { signal } = new AbortController();
const transport = new WebSocketTransport();
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Listening {
  readonly listener: Listener;
  readonly door: ReturnType<typeof openDoor>;
  /** The next connection that comes in. */
  accepted(): Promise<Connection>;
}

async function listening(): Promise<Listening> {
  const door = openDoor();
  const waiting: ((connection: Connection) => void)[] = [];
  const come: Connection[] = [];
  const listener = await transport.listen({
    host: '127.0.0.1',
    port: 0,
    admission: door,
    onConnection: (connection) => {
      const next = waiting.shift();
      if (next === undefined) come.push(connection);
      else next(connection);
    },
  });
  cleanUps.push(() => listener.close());
  return { listener, door, accepted: () => new Promise((resolve) => (come.length > 0 ? resolve(come.shift() as Connection) : waiting.push(resolve))) };
}

const node = (port: number): { id: string; host: string; port: number } => ({ id: 'server', host: '127.0.0.1', port });

async function pair(dialling = transport): Promise<{ near: Connection; far: Connection; at: Listening }> {
  const at = await listening();
  const [near, far] = await Promise.all([dialling.dial(node(at.listener.port), signal), at.accepted()]);
  cleanUps.push(() => near.terminate());
  return { near, far, at };
}

const nextMessage = (connection: Connection): Promise<Buffer> => new Promise((resolve) => (connection.onMessage = (message) => resolve(Buffer.from(message))));
const end = (connection: Connection): Promise<unknown> => new Promise((resolve) => (connection.onEnd = resolve));

/** A raw client that sends what it is told; resolves with all it got once the server hung up. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  cleanUps.push(() => socket.destroy());
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.write(text);
  await once(socket, 'close');
  return received;
}

const upgrade = (more: string): string =>
  `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;

describe('connections', () => {
  test.each(['zero', 'random'] as const)('carry whole binary messages both ways, up to a full record (%s mask)', async (mask) => {
    const { near, far } = await pair(new WebSocketTransport({ mask }));
    near.authenticated();
    far.authenticated();
    const full = Buffer.alloc(256 * 1024 + 17, 0xa5);
    const atFar = nextMessage(far);
    near.send(full);
    expect((await atFar).equals(full)).toBe(true);
    const atNear = nextMessage(near);
    far.send(Buffer.from('back'));
    expect((await atNear).toString()).toBe('back');
    expect(near.remoteAddress).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test('a message over the size of a record ends the connection', async () => {
    const { near, far } = await pair();
    far.authenticated();
    const ended = end(far);
    near.send(Buffer.alloc(256 * 1024 + 18));
    expect(await ended).toMatchObject({ error: { message: expect.stringContaining('Max payload size exceeded') } });
  });

  test('a text message ends the connection', async () => {
    const at = await listening();
    const client = new WebSocket(`ws://127.0.0.1:${at.listener.port}`, SUBPROTOCOL);
    cleanUps.push(() => client.terminate());
    const [far] = await Promise.all([at.accepted(), once(client, 'open')]);
    let messages = 0;
    far.onMessage = () => messages++;
    const ended = end(far);
    client.send('text');
    await ended;
    expect(messages).toBe(0);
  });

  test('a stranger may send 36 KiB in all, whole or not; a proven peer more', async () => {
    const { near, far } = await pair();
    const ended = end(far);
    // One unfinished message: ws itself would collect a whole record of it.
    near.send(Buffer.alloc(64 * 1024));
    await ended;

    const proven = await pair();
    proven.far.authenticated();
    const message = nextMessage(proven.far);
    proven.near.send(Buffer.alloc(64 * 1024));
    expect((await message).length).toBe(64 * 1024);
  });

  test('no compression is offered or taken', async () => {
    const at = await listening();
    const client = new WebSocket(`ws://127.0.0.1:${at.listener.port}`, SUBPROTOCOL, { perMessageDeflate: true });
    cleanUps.push(() => client.terminate());
    await once(client, 'open');
    expect(client.extensions).toBe('');
  });

  test('close() ends both ends properly, terminate() at once', async () => {
    for (const how of ['close', 'terminate'] as const) {
      const { near, far } = await pair();
      const ends = Promise.all([end(near), end(far)]);
      near[how]();
      await ends;
    }
  });

  test('tells of buffered bytes, and when they have drained', async () => {
    const { near, far } = await pair();
    near.authenticated();
    far.authenticated();
    let received = 0;
    far.onMessage = (message) => void (received += message.length);
    const drained = new Promise<void>((resolve) => (near.onDrain = resolve));
    const chunk = Buffer.alloc(256 * 1024);
    let sent = 0;
    while (near.bufferedBytes < 4 * 1024 * 1024) sent += (near.send(chunk), chunk.length);
    await drained;
    while (received < sent) await new Promise((resolve) => setImmediate(resolve));
    expect(near.bufferedBytes).toBe(0);
  });
});

describe('dialling', () => {
  test('nobody there: connect_failed with the address', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const error = await rejection(transport.dial(node(port), signal));
    expect(error).toMatchObject({ reason: 'connect_failed', mayHaveRun: false });
    expect(error.text).toContain(`127.0.0.1:${port}`);
  });

  test.each([['an impossible port', { port: 70_000 }], ['a host that is none', { host: 'a b' }], ['a path with a fragment', { path: '/#x' }]])('%s: connect_failed, no throw', async (_name, more) => {
    expect(await rejection(transport.dial({ ...node(1), ...more }, signal))).toMatchObject({ reason: 'connect_failed' });
  });

  test('a server that says nothing: connect_timeout', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(() => { sockets.forEach((socket) => socket.destroy()); server.close(); });
    const quick = new WebSocketTransport({ connectMs: 50 });
    expect(await rejection(quick.dial(node((server.address() as AddressInfo).port), signal))).toMatchObject({ reason: 'connect_timeout', mayHaveRun: false });
  });

  test('a server of another protocol: connect_failed', async () => {
    const server = createServer((socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(() => server.close());
    expect(await rejection(transport.dial(node((server.address() as AddressInfo).port), signal))).toMatchObject({ reason: 'connect_failed' });
  });

  test('an abort ends the attempt', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(() => server.close());
    const abort = new AbortController();
    const dial = transport.dial(node((server.address() as AddressInfo).port), abort.signal);
    abort.abort();
    expect(await rejection(dial)).toMatchObject({ reason: 'connect_failed' });
  });

  test('a redirect is not followed', async () => {
    const at = await listening();
    const server = createServer((socket) => void socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${at.listener.port}/\r\n\r\n`)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(() => server.close());
    expect(await rejection(transport.dial(node((server.address() as AddressInfo).port), signal))).toMatchObject({ reason: 'connect_failed' });
    expect(at.door.admitted).toEqual([]);
  });
});

describe('listening', () => {
  test('a port that is taken: port_in_use, and what to do', async () => {
    const at = await listening();
    const error = await rejection(transport.listen({ host: '127.0.0.1', port: at.listener.port, admission: openDoor(), onConnection: () => {} }));
    expect(error).toMatchObject({ reason: 'port_in_use', code: 'FAILED_PRECONDITION' });
    expect(error.text).toContain('0 for any free one');
  });

  test('an address that is not ours: listen_failed', async () => {
    expect(await rejection(transport.listen({ host: '203.0.113.1', port: 0, admission: openDoor(), onConnection: () => {} }))).toMatchObject({ reason: 'listen_failed' });
  });

  test('each socket has a ticket from accept, before it says a word, given back when it goes', async () => {
    const at = await listening();
    const socket = connect(at.listener.port, '127.0.0.1');
    socket.on('error', () => {});
    while (at.door.admitted.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(at.door.admitted[0]).toMatch(/^127\.0\.0\.1:\d+$/);
    socket.destroy();
    while (at.door.released === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(at.door.released).toBe(1);
  });

  test('an evicted socket is destroyed, with or without an upgrade', async () => {
    const at = await listening();
    const silent = connect(at.listener.port, '127.0.0.1');
    silent.on('error', () => {});
    while (at.door.evictions.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = once(silent, 'close');
    at.door.evictions[0]?.();
    await closed;

    const [near] = await Promise.all([transport.dial(node(at.listener.port), signal), at.accepted()]);
    const ended = end(near);
    at.door.evictions[1]?.();
    await ended;
  });

  test('one whom admission refuses is destroyed before HTTP', async () => {
    const refusing = await transport.listen({ host: '127.0.0.1', port: 0, admission: { admit: () => undefined }, onConnection: () => {} });
    cleanUps.push(() => refusing.close());
    expect(await raw(refusing.port, upgrade(`Sec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n`))).toBe('');
  });

  test.each([
    ['a plain request', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 426 /],
    ['no subprotocol', upgrade(''), /^$/],
    ['another subprotocol', upgrade('Sec-WebSocket-Protocol: chat\r\n'), /^$/],
    ['garbage', '\x16\x03\x01 this is no HTTP\r\n\r\n', /^$/],
    ['headers without end', `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, /^$/],
    ['an upgrade to something else', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n', /^$/],
  ])('%s is no connection of ours', async (_name, text, answer) => {
    const at = await listening();
    let connections = 0;
    void at.accepted().then(() => connections++);
    expect(await raw(at.listener.port, text)).toMatch(answer);
    expect([connections, at.door.released]).toEqual([0, 1]);
  });

  test('ours among other subprotocols is taken', async () => {
    const at = await listening();
    const client = new WebSocket(`ws://127.0.0.1:${at.listener.port}`, ['chat', SUBPROTOCOL]);
    cleanUps.push(() => client.terminate());
    await once(client, 'open');
    expect(client.protocol).toBe(SUBPROTOCOL);
  });

  test('close() takes nothing new and ends idle HTTP connections', async () => {
    const at = await listening();
    const { port } = at.listener;
    await at.listener.close();
    expect(await rejection(transport.dial(node(port), signal))).toMatchObject({ reason: 'connect_failed' });
  });
});
