import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { WebSocketTransport } from '@lemur-bookstores/mesh-core';
import { TestAuthority } from './support/authority.js';
import { dialAsRogue } from './support/rogue.js';
import { TcpProxy, type Direction, type Interference } from './support/tcp-proxy.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';
import { encodeFrame, FrameReader, HeadReader, Opcode, type Frame } from './support/websocket-frames.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** 'orders' calls 'payments' through this. */
async function through(interference: Interference, more: { limits?: { idlePingMs: number; deadAfterMs: number } } = {}) {
  const payments = await bed.running({ serviceId: 'payments' });
  payments.mesh.handle('echo', (input) => input);
  const proxy = bed.closing(await TcpProxy.to(payments.port, interference));
  const orders = await bed.running({
    serviceId: 'orders',
    discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: proxy.port }] },
    resilience: { backoff: { initialMs: 1, maxMs: 1 } },
    ...more,
  });
  return { payments, orders, proxy, client: orders.mesh.connect('payments') };
}

/** Takes frames apart and lets `reframe` put others in their place. */
const onFrames =
  (reframe: (frame: Frame, direction: Direction) => readonly Frame[]): Interference =>
  (link) => {
    const state = { toServer: { head: new HeadReader(), frames: new FrameReader() }, toClient: { head: new HeadReader(), frames: new FrameReader() } };
    return (direction, chunk) => {
      const { head, rest } = state[direction].head.push(chunk);
      if (head !== undefined) link.forward(direction, head);
      for (const frame of state[direction].frames.push(rest)) {
        for (const other of reframe(frame, direction)) link.forward(direction, encodeFrame(other, direction === 'toServer'));
      }
    };
  };

const LARGE = Buffer.alloc(700_000, 'lemur');

describe('what honest intermediaries do is survived', () => {
  test('bytes that come in small pieces', async () => {
    const { client, orders } = await through((link) => {
      let last = Promise.resolve();
      return (direction, chunk) => {
        const size = chunk.length > 1_000 ? 600 : 3;
        for (let at = 0; at < chunk.length; at += size) {
          const piece = chunk.subarray(at, at + size);
          last = last.then(() => new Promise((resolve) => setImmediate(() => resolve(link.forward(direction, piece)))));
        }
      };
    });
    expect(await client.call('echo', { text: 'small' })).toEqual({ text: 'small' });
    expect(LARGE.equals((await client.call('echo', LARGE)) as Buffer)).toBe(true);
    expect(orders.audit.having('connection.open')).toHaveLength(1);
  }, 15_000);

  test('messages that are cut into other frames', async () => {
    const { client, orders } = await through(
      onFrames((frame) => {
        if (frame.opcode !== Opcode.binary) return [frame];
        const size = Math.ceil(frame.payload.length / 30) + 1;
        const frames: Frame[] = [];
        for (let at = 0; at < frame.payload.length; at += size) {
          frames.push({ opcode: at === 0 ? Opcode.binary : Opcode.continuation, final: at + size >= frame.payload.length, payload: frame.payload.subarray(at, at + size) });
        }
        return frames;
      }),
    );
    expect(LARGE.equals((await client.call('echo', LARGE)) as Buffer)).toBe(true);
    expect(orders.audit.having('connection.open')).toHaveLength(1);
  });

  test('pings of their own', async () => {
    const ping: Frame = { opcode: Opcode.ping, final: true, payload: Buffer.from('are you there') };
    const { client, orders } = await through(onFrames((frame) => (frame.opcode === Opcode.binary ? [ping, frame, ping] : [frame])));
    for (let i = 0; i < 20; i++) expect(await client.call('echo', i)).toBe(i);
    expect(orders.audit.having('connection.open')).toHaveLength(1);
  });

  test('a dialler that masks at random, as the RFC asks for', async () => {
    const payments = await bed.running({ serviceId: 'payments' });
    payments.mesh.handle('echo', (input) => input);
    const orders = await bed.running({ serviceId: 'orders', transport: new WebSocketTransport({ mask: 'random' }) });
    expect(LARGE.equals((await orders.mesh.connect('payments').call('echo', LARGE)) as Buffer)).toBe(true);
  });

  test('a close of WebSocket\'s own is no goodbye: audited as truncated, and dialled again', async () => {
    let closing = false;
    const { client, orders } = await through(
      onFrames((frame, direction) => {
        if (!closing || direction !== 'toClient') return [frame];
        closing = false;
        return [{ opcode: Opcode.close, final: true, payload: Buffer.from([0x03, 0xe9]) }];
      }),
    );
    expect(await client.call('echo', 1)).toBe(1);
    closing = true;
    await expect(client.call('echo', 2)).rejects.toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
    await orders.audit.waitFor('connection.truncated');
    expect(await client.call('echo', 3)).toBe(3);
  });
});

test('a connection that stands still is found dead, and replaced', async () => {
  let still = false;
  const { client, orders, proxy } = await through(
    (link) => (direction, chunk) => {
      if (!still || link.number > 0) link.forward(direction, chunk);
    },
    { limits: { idlePingMs: 100, deadAfterMs: 100 } },
  );
  expect(await client.call('echo', 1)).toBe(1);
  still = true;
  await expect(client.call('echo', 2)).rejects.toMatchObject({ reason: 'connection_lost', mayHaveRun: true, cause: expect.objectContaining({ reason: 'keepalive_timeout' }) });
  await orders.audit.waitFor('session.failed', 'keepalive_timeout');
  expect(await client.call('echo', 3)).toBe(3);
  expect(proxy.links).toHaveLength(2);
});

test('a service behind another address: advertise says where', async () => {
  const proxy = bed.closing(await TcpProxy.to(0));
  const payments = await bed.running({ serviceId: 'payments', advertise: { port: proxy.port } });
  proxy.retarget(payments.port);
  payments.mesh.handle('echo', (input) => input);
  const orders = await bed.running({ serviceId: 'orders' });
  expect(await orders.mesh.connect('payments').call('echo', 'through')).toBe('through');
  expect(proxy.links.length).toBeGreaterThan(0);
});

test('a dialler may send a large record right behind message 3', async () => {
  // PROTOCOL 1.4. In one chunk with message 3, when the caps for strangers still stood as the chunk began.
  const ours = new TestAuthority(bed.folder);
  const payments = await bed.running({ serviceId: 'payments', host: '127.0.0.1', identity: await ours.files('payments') });
  const received: number[] = [];
  payments.mesh.handle<{ from: string }>('steal', ({ from }) => received.push(from.length));
  const { stranger } = await dialAsRogue(payments.port, ours.material('eager'), 'spiffe://mesh.test/payments', { from: 'x'.repeat(55_000) });
  bed.closing(stranger);
  await until('the request arrives', () => received.length === 1);
  expect(received).toEqual([55_000]);
  // Welcome and answer come: the connection stands.
  expect(await stranger.message(1)).toBeDefined();
});
