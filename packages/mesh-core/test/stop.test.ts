import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Script } from './support/script.js';

let directory: string;
const scripts: Script[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mesh-core-test-'));
});
afterEach(async () => {
  await Promise.all(scripts.splice(0).map((script) => script.kill()));
  rmSync(directory, { recursive: true, force: true });
});

/** Handshakes without cryptography, as test/support/plain-channels.ts has them, as far as a child process needs them. */
const CHANNELS = `
  const peer = (id) => ({ id, trustDomain: 'test', serviceId: id.split('/').at(-1), publicKey: '', notAfter: Infinity });
  const channel = (role, id) => ({
    role, peer: peer(id), suite: 'aesgcm', epoch: 0, notAfter: Infinity, handshakeHash: Buffer.alloc(32),
    seal: (flags, parts) => Buffer.concat([Buffer.of(flags), ...parts, Buffer.alloc(16)]),
    open: (record) => Buffer.from(record.subarray(1, -16)),
    reverify: () => undefined, destroy() {},
  });
  const channels = (name) => ({
    id: 'spiffe://test/' + name, notAfter: Infinity, load: async () => {}, onIdentityChange: () => () => {},
    dial: () => ({ role: 'initiator', start: () => Buffer.of(1), receive: (m) => ({ reply: Buffer.from('spiffe://test/' + name), channel: channel('initiator', m.toString()) }), destroy() {} }),
    accept: () => { let first = true; return { role: 'responder', start() {}, destroy() {},
      receive: (m) => (first ? ((first = false), { reply: Buffer.from('spiffe://test/' + name) }) : { channel: channel('responder', m.toString()) }) }; },
  });
  const discovery = () => new core.LocalDiscovery({ runtimeDir: process.env.DIR });
  const node = (serviceId, more = {}) => new core.MeshNode({ serviceId, port: 0, host: '127.0.0.1', channels: channels(serviceId), discovery: discovery(), logger: iface.silentLogger, ...more });
  // What is closing needs a turn to be gone; the pipes are the test's own.
  const held = async () => {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    return process.getActiveResourcesInfo().filter((name) => !['PipeWrap', 'Immediate'].includes(name));
  };
`;

function script(source: string): Script {
  const started = new Script(CHANNELS + source, { DIR: directory });
  scripts.push(started);
  return started;
}

describe('a process that stops its mesh', () => {
  test('ends by itself: no socket, no timer, no watcher is left', async () => {
    const one = script(`
      const server = node('server');
      server.handle('add', ({ a, b }) => a + b);
      await server.start();
      const client = node('client');
      await client.start();
      say(await client.connect('server').call('add', { a: 1, b: 2 }));
      say(await client.connect('nobody').call('x', {}).catch((error) => error.reason));
      await Promise.all([client.stop(), server.stop()]);
      say(await held());
    `);
    expect(await one.said()).toBe(3);
    expect(await one.said()).toBe('unknown_service');
    expect(await one.said()).toEqual([]);
    expect(await one.ended()).toBe(0);
    expect(readdirSync(join(directory, 'registry', 'server'))).toEqual([]);
  }, 30_000);

  test('also where the peer is another process that lives on, or was killed', async () => {
    const server = script(`const server = node('server'); server.handle('pid', () => process.pid); await server.start(); say('up');`);
    expect(await server.said()).toBe('up');
    const client = script(`
      const client = node('client', { backoff: { initialMs: 10, maxMs: 50 } });
      await client.start();
      const calls = client.connect('server');
      say(await calls.call('pid', {}));
      process.stdin.once('data', async () => {
        say(await calls.call('pid', {}).then(() => 'answered', (error) => error.code));
        await client.stop();
        say(await held());
      });
    `);
    expect(await client.said()).toBe(server.process.pid);
    await server.kill('SIGKILL');
    client.process.stdin?.end('go');
    expect(await client.said()).toBe('UNAVAILABLE');
    expect(await client.said()).toEqual([]);
    expect(await client.ended()).toBe(0);
  }, 30_000);

  test('also where it was never started, or failed to start', async () => {
    const one = script(`
      await node('idle').stop();
      const taken = node('taken');
      await taken.start();
      const late = node('late', { port: taken.port });
      say(await late.start().catch((error) => error.reason));
      await late.stop();
      await taken.stop();
      say(await held());
    `);
    expect(await one.said()).toBe('port_in_use');
    expect(await one.said()).toEqual([]);
    expect(await one.ended()).toBe(0);
  }, 30_000);

  test('a mesh that is not stopped keeps its process as a server does', async () => {
    const one = script(`const server = node('server'); await server.start(); say(await held());`);
    expect(await one.said()).toContain('TCPServerWrap');
    expect(one.process.exitCode).toBeNull();
  });
});
