import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from 'node:https';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventOf } from './support/events.js';
import { adapterFor, API_KEY, atEnd, serverWith } from './support/setting.js';
import { snapshotOf } from './support/snapshots.js';

const folder = mkdtempSync(join(tmpdir(), 'datadog-tls-'));
let own: { key: string; cert: string };
let other: { key: string; cert: string };

function certificate(name: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

beforeAll(() => {
  own = certificate('own');
  other = certificate('other');
});
afterAll(() => rmSync(folder, { recursive: true }));

test('with its CA a server is spoken to; logs and series', async () => {
  const server = await serverWith({ tls: own });
  expect(server.url).toMatch(/^https:/);
  const adapter = adapterFor(server, { ca: [other.cert, own.cert] });
  await adapter.logEvent(eventOf());
  await adapter.logMetrics?.(snapshotOf());
  expect([server.ids.size, server.pointsOf('mesh.retries').length]).toEqual([1, 1]);
});

test.each([
  ['no CA of its own', () => ({})],
  ['another CA', () => ({ ca: other.cert })],
])('with %s nothing is sent, and it is worth another try', async (_what, options) => {
  const server = await serverWith({ tls: own });
  const adapter = adapterFor(server, options());
  await expect(adapter.logEvent(eventOf())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true, text: expect.stringMatching(/self-signed|certificate/i) });
  await expect(adapter.logMetrics?.(snapshotOf())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
  expect(server.requests).toBe(0);
});

test('a connection whose handshake never ends keeps no contract server from stopping', async () => {
  const server = await serverWith({ tls: own });
  const silent = connect(server.port, '127.0.0.1').on('error', () => undefined);
  const ended = new Promise((resolve) => silent.once('close', resolve));
  await new Promise((resolve) => silent.once('connect', resolve));
  // The server has seen that one by now, too.
  await adapterFor(server, { ca: own.cert }).logEvent(eventOf());
  await server.stop();
  await ended;
});

test('to a server that is none of TLS goes no key', async () => {
  const seen: Buffer[] = [];
  const sockets = new Set<Socket>();
  const plain = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', (chunk) => {
      seen.push(chunk);
      socket.end('HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}');
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    plain.close();
  });
  const adapter = adapterFor({ url: `https://127.0.0.1:${(plain.address() as { port: number }).port}` });
  await expect(adapter.logEvent(eventOf())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
  expect(seen.length).toBeGreaterThan(0);
  expect(Buffer.concat(seen).includes(API_KEY)).toBe(false);
});

test("an agent of the user's makes the connections, and is left open", async () => {
  const server = await serverWith({ tls: own });
  const agent = new Agent({ ca: own.cert, keepAlive: true, maxSockets: 1 });
  atEnd(() => agent.destroy());
  const adapter = adapterFor(server, { agent });
  await adapter.logEvent(eventOf());
  await adapter.close();
  expect(Object.keys(agent.freeSockets)).toHaveLength(1);
});
