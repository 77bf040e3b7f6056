import { createHash } from 'node:crypto';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { WebSocketTransport } from '@lemur-bookstores/mesh-core';
import { Stranger, StrangerListener, SUBPROTOCOL } from './support/stranger.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';
import { binaryFrame, encodeFrame, Opcode } from './support/websocket-frames.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const CONNECT_MS = 300;

/** 'orders', which dials 'payments', behind whose address something else listens. */
async function dialling(onDialled: (stranger: Stranger) => unknown) {
  const strangers: Stranger[] = [];
  const listener = bed.closing(
    await StrangerListener.start((stranger) => {
      strangers.push(stranger);
      void onDialled(stranger);
    }),
  );
  const orders = await bed.running({
    serviceId: 'orders',
    transport: new WebSocketTransport({ connectMs: CONNECT_MS }),
    limits: { handshakeMs: CONNECT_MS },
    discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: listener.port }] },
    resilience: { backoff: { initialMs: 60_000, maxMs: 60_000 } },
  });
  return { ...orders, strangers };
}

const answering =
  (response: (key: string) => string) =>
  async (stranger: Stranger): Promise<void> => {
    const key = /^sec-websocket-key: *(\S+)/im.exec(await stranger.head)?.[1] ?? '';
    stranger.socket.write(response(key));
  };
const acceptOf = (key: string): string => createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const upgrade = (headers: readonly string[]) => (key: string) =>
  ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${acceptOf(key)}`, ...headers, '', ''].join('\r\n');

describe('an answer to the upgrade that is not a mesh\'s: the dial fails, and nothing more is said to it', () => {
  test.each([
    ['a page', () => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'],
    ['a redirect', () => 'HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data\r\nContent-Length: 0\r\n\r\n'],
    ['a request for a password', () => 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n'],
    ['an upgrade without a subprotocol', upgrade([])],
    ['an upgrade to another subprotocol', upgrade(['Sec-WebSocket-Protocol: chat'])],
    ['an upgrade with compression', upgrade([`Sec-WebSocket-Protocol: ${SUBPROTOCOL}`, 'Sec-WebSocket-Extensions: permessage-deflate'])],
    ['an upgrade for another key', () => upgrade([`Sec-WebSocket-Protocol: ${SUBPROTOCOL}`])('bm90IHRoZSBrZXkgYXQgYWxs')],
    ['garbage', () => '\0\x01\x02'.repeat(100)],
  ])('%s', async (_name, response) => {
    const { audit, strangers, mesh } = await dialling(answering(response));
    const event = await audit.waitFor('connection.failed', 'connect_failed');
    expect(event).toMatchObject({ targetServiceId: 'payments', details: { success: false } });
    const [stranger] = strangers as [Stranger];
    await stranger.ended;
    expect(strangers).toHaveLength(1);
    expect(stranger.opcodes).toEqual([]);
    expect(mesh.getStats().metrics).toMatchObject({ connectionsSuccessful: 0, connectionsFailed: 1 });
  });

  test.each([
    ['no answer', () => undefined],
    [
      'an answer at one byte each 20 ms',
      (stranger: Stranger) => {
        const timer = setInterval(() => stranger.socket.write('H'), 20);
        void stranger.ended.then(() => clearInterval(timer));
      },
    ],
  ])('%s: given up in time', async (name, act) => {
    const { audit } = await dialling(act);
    const event = await audit.waitFor('connection.failed', name === 'no answer' ? 'connect_timeout' : 'connect_failed');
    expect(event.details.duration).toBeLessThan(CONNECT_MS + 1_500);
  });
});

describe('frames instead of message 2: the dial fails at once', () => {
  const oversized = Buffer.alloc(10);
  oversized.set([0x82, 0x7f]);
  oversized.writeBigUInt64BE(2n ** 40n, 2);
  test.each([
    ['a frame that announces 1 TiB', oversized],
    ['a handshake message over 16 KiB', binaryFrame(Buffer.alloc(17 * 1024), false)],
    ['fragments without end', Buffer.concat(Array.from({ length: 500 }, (_, i) => encodeFrame({ opcode: i === 0 ? Opcode.binary : Opcode.continuation, final: false, payload: Buffer.of(1) }, false)))],
    ['text', encodeFrame({ opcode: Opcode.text, final: true, payload: Buffer.from('hello') }, false)],
    ['masked frames', binaryFrame(Buffer.alloc(34), true)],
    ['a close', encodeFrame({ opcode: Opcode.close, final: true, payload: Buffer.from([0x03, 0xe8]) }, false)],
  ])('%s', async (_name, bytes) => {
    const startedAt = performance.now();
    const { audit, strangers, mesh } = await dialling(async (stranger) => {
      await stranger.grantUpgrade();
      await stranger.message(0);
      stranger.socket.write(bytes);
    });
    await strangers[0]?.ended;
    await expect(mesh.connect('payments').call('pay', {}, { timeoutMs: 10 })).rejects.toMatchObject({ mayHaveRun: false });
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    await until('it is audited', () => [...audit.having('connection.failed'), ...audit.having('auth.failed')].length === 1);
    // Message 1, and perhaps a close frame of WebSocket's own: nothing of the mesh.
    expect(strangers[0]?.messages).toHaveLength(1);
  });
});
