import { request } from 'node:http';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { TestAuthority } from './support/authority.js';
import { dialAsRogue } from './support/rogue.js';
import { Stranger, StrangerListener, upgradeRequest } from './support/stranger.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';
import { binaryFrame, encodeFrame, Opcode } from './support/websocket-frames.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** Shorter than the 5 s of the default, where the time itself does not matter. */
const DEADLINE_MS = 400;
const SLACK_MS = 1_500;

/** The service under attack, and one of its honest callers. */
async function attacked(limits: { handshakeMs?: number } = { handshakeMs: DEADLINE_MS }) {
  const payments = await bed.running({ serviceId: 'payments', limits });
  let delivered = 0;
  payments.mesh.handle('pay', () => ++delivered);
  const orders = await bed.running({ serviceId: 'orders' });
  const client = orders.mesh.connect('payments');
  const honest = async (): Promise<void> => {
    const before = delivered;
    expect(await client.call('pay', {})).toBe(before + 1);
  };
  await honest();
  return { payments, port: payments.port, honest };
}

/** The header of a frame alone, with the length it announces. */
const frameHeader = (length: bigint): Buffer => {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0xff;
  head.writeBigUInt64BE(length, 2);
  return head;
};

describe('what is no mesh', () => {
  test('a plain HTTP request: 426, and the connection is closed', async () => {
    const { port, honest } = await attacked();
    for (const method of ['GET', 'POST', 'HEAD']) {
      const response = await new Promise<{ status: number | undefined; headers: NodeJS.Dict<string | string[]>; body: string }>((resolve, reject) => {
        request({ port, host: '127.0.0.1', method, path: '/metrics', agent: false }, (incoming) => {
          let body = '';
          incoming.on('data', (chunk: Buffer) => (body += chunk.toString())).on('end', () => resolve({ status: incoming.statusCode, headers: incoming.headers, body }));
        })
          .on('error', reject)
          .end(method === 'POST' ? 'x'.repeat(1_000) : undefined);
      });
      expect(response).toMatchObject({ status: 426, headers: { upgrade: 'websocket', connection: 'close' }, body: '' });
      // Nothing tells what runs here.
      expect(Object.keys(response.headers)).not.toContain('server');
    }
    await honest();
  });

  test.each([
    ['garbage', Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 73) & 0xff))],
    ['a TLS hello', Buffer.from('16030100c8010000c40303', 'hex')],
    ['an HTTP/2 preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['a head without end', Buffer.from(`GET / HTTP/1.1\r\nX: ${'a'.repeat(9_000)}`)],
    ['a head of very many fields', Buffer.from(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(3_000)}\r\n`)],
  ])('%s: closed before the deadline', async (_name, bytes) => {
    const { port, honest } = await attacked({ handshakeMs: 5_000 });
    const stranger = await Stranger.connect(port);
    stranger.socket.write(bytes);
    expect(await stranger.ended).toBeLessThan(2_000);
    expect(stranger.opcodes).toEqual([]);
    await honest();
  });

  test.each([
    ['no subprotocol', undefined],
    ['another subprotocol', 'chat'],
    ['a later version of ours', 'secure-stack-mesh.v2'],
    ['the name of an object\'s member', '__proto__'],
  ])('a WebSocket with %s: closed without an upgrade', async (_name, protocol) => {
    const { port, honest } = await attacked({ handshakeMs: 5_000 });
    const stranger = await Stranger.connect(port);
    stranger.socket.write(upgradeRequest(protocol));
    expect(await stranger.ended).toBeLessThan(2_000);
    await expect(stranger.head).rejects.toThrow('without an HTTP head');
    await honest();
  });

  test('ours among others offered: the upgrade names it', async () => {
    const { port } = await attacked({ handshakeMs: 5_000 });
    const stranger = bed.closing(await Stranger.connect(port));
    expect(await stranger.upgrade('chat, secure-stack-mesh.v1')).toMatch(/^sec-websocket-protocol: secure-stack-mesh\.v1\r$/im);
  });
});

describe('WebSocket frames of a stranger', () => {
  const tiny = Array.from({ length: 500 }, (_, i) => encodeFrame({ opcode: i === 0 ? Opcode.binary : Opcode.continuation, final: false, payload: Buffer.of(1) }, true));
  test.each([
    ['a frame that announces 1 GiB', frameHeader(2n ** 30n)],
    ['a frame that announces 2^63 - 1 bytes', frameHeader(2n ** 63n - 1n)],
    ['more than a handshake needs, in one frame', Buffer.concat([frameHeader(200_000n), Buffer.alloc(0x10000)])],
    ['a handshake message over 16 KiB', binaryFrame(Buffer.alloc(17 * 1024), true)],
    ['fragments without end', Buffer.concat(tiny)],
    ['text', encodeFrame({ opcode: Opcode.text, final: true, payload: Buffer.from('hello') }, true)],
    ['frames without a mask', binaryFrame(Buffer.alloc(34), false)],
    ['reserved bits', Buffer.from('f28100000000', 'hex')],
    ['an opcode that does not exist', Buffer.from('838000000000', 'hex')],
    ['pings without end', Buffer.concat(Array.from({ length: 400 }, () => encodeFrame({ opcode: Opcode.ping, final: true, payload: Buffer.alloc(125) }, true)))],
  ])('%s: closed before the deadline', async (_name, bytes) => {
    const { port, honest } = await attacked({ handshakeMs: 5_000 });
    const stranger = await Stranger.connect(port);
    await stranger.upgrade();
    stranger.socket.write(bytes);
    expect(await stranger.ended).toBeLessThan(2_500);
    expect(stranger.messages).toEqual([]);
    await honest();
  });
});

describe('who takes too long: cut at the deadline, audited once', () => {
  const oneByteAtATime = (stranger: Stranger, bytes: Buffer): void => {
    let at = 0;
    const timer = setInterval(() => {
      if (at < bytes.length) stranger.socket.write(bytes.subarray(at, ++at));
    }, 20);
    void stranger.ended.then(() => clearInterval(timer));
  };
  test.each([
    ['a silent connection', () => {}],
    ['half a request line', (stranger: Stranger) => void stranger.socket.write('GET / HT')],
    ['an upgrade at one byte each 20 ms', (stranger: Stranger) => oneByteAtATime(stranger, Buffer.from(upgradeRequest('secure-stack-mesh.v1')))],
    ['silence after the upgrade', (stranger: Stranger) => stranger.upgrade()],
    [
      'a first message at one byte each 20 ms',
      async (stranger: Stranger) => {
        await stranger.upgrade();
        oneByteAtATime(stranger, binaryFrame(Buffer.alloc(16_000, 1), true));
      },
    ],
    [
      'silence after message 1',
      async (stranger: Stranger) => {
        await stranger.upgrade();
        // Any 32 bytes are a public key.
        stranger.send(Buffer.concat([Buffer.of(1, 1), Buffer.alloc(32, 9)]));
        await stranger.message(0);
      },
    ],
    [
      'a request body that never ends',
      (stranger: Stranger) => {
        stranger.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
        oneByteAtATime(stranger, Buffer.alloc(1_000));
      },
    ],
  ])('%s', async (name, act) => {
    const { payments, port, honest } = await attacked();
    const stranger = await Stranger.connect(port);
    await act(stranger);
    const lastedMs = await stranger.ended;
    expect(lastedMs).toBeLessThan(DEADLINE_MS + SLACK_MS);
    await honest();
    if (name.startsWith('a request body')) return; // Answered with 426 and closed at once.

    expect(lastedMs).toBeGreaterThan(DEADLINE_MS - 50);
    const event = await payments.audit.waitFor('connection.refused', 'handshake_timeout');
    expect(event).toMatchObject({ eventType: 'connection', details: { success: false, messageCount: 1, metadata: { direction: 'inbound' } } });
    await payments.mesh.close();
    expect(payments.audit.having('connection.refused')).toHaveLength(1);
    expect(payments.mesh.getStats().metrics.connectionsFailed).toBe(1);
  });

  test('the deadline is 5 s where no option says otherwise', async () => {
    const { port } = await attacked({});
    const stranger = await Stranger.connect(port);
    const lastedMs = await stranger.ended;
    expect(lastedMs).toBeGreaterThan(4_900);
    expect(lastedMs).toBeLessThan(6_500);
  }, 10_000);

  test('the dialler does not wait longer either', async () => {
    const silent = bed.closing(await StrangerListener.start((stranger) => void stranger.grantUpgrade().catch(() => undefined)));
    const orders = await bed.running({
      serviceId: 'orders',
      limits: { handshakeMs: DEADLINE_MS },
      discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: silent.port }] },
    });
    const event = await orders.audit.waitFor('connection.failed', 'handshake_timeout');
    expect(event.details.duration).toBeLessThan(DEADLINE_MS + SLACK_MS);
  });
});

describe('more strangers than there is room for', () => {
  test('the oldest silent one goes, and honest peers still come in', async () => {
    const payments = await bed.running({ serviceId: 'payments', limits: { maxPending: 3 } });
    const strangers: Stranger[] = [];
    for (let i = 0; i < 3; i++) strangers.push(bed.closing(await Stranger.connect(payments.port)));
    const orders = await bed.running({ serviceId: 'orders' });
    expect(await orders.mesh.connect('payments').call('health', {})).toMatchObject({ service: 'payments' });
    await strangers[0]?.ended;
    expect(strangers[1]?.socket.destroyed).toBe(false);
    expect((await payments.audit.waitFor('connection.refused', 'admission_limited')).details.error).toContain('evicted: the oldest');
  });

  test('an address that knocks too often is not answered, and learns nothing', async () => {
    const payments = await bed.running({ serviceId: 'payments', limits: { addressPerSecond: 1, addressBurst: 2 } });
    const first = Buffer.concat([Buffer.of(1, 1), Buffer.alloc(32, 9)]);
    const answers: boolean[] = [];
    for (let i = 0; i < 4; i++) {
      const stranger = bed.closing(await Stranger.connect(payments.port));
      await stranger.upgrade();
      stranger.send(first);
      answers.push((await stranger.message(0)) !== undefined);
    }
    expect(answers).toEqual([true, true, false, false]);
    await payments.audit.waitFor('connection.refused', 'admission_limited');
  });
});

describe('a peer who is proven, and breaks the protocol', () => {
  const ours = new TestAuthority(bed.folder);
  const message = (kind: number, flags: number, id: number, payload: Buffer): Buffer => {
    const head = Buffer.alloc(10);
    head[0] = kind;
    head[1] = flags;
    head.writeUInt32BE(id, 2);
    head.writeUInt32BE(payload.length, 6);
    return Buffer.concat([head, payload]);
  };
  const longer = message(1, 1, 2, Buffer.alloc(20));
  longer.writeUInt32BE(500, 6);
  test.each([
    ['an empty record', 0, Buffer.alloc(0)],
    ['half a header', 0, Buffer.alloc(5, 1)],
    ['a message longer than its record', 0, longer],
    ['a message of no known kind', 0, message(99, 0, 2, Buffer.alloc(0))],
    ['an answer to the acceptor', 0, message(2, 0, 2, Buffer.alloc(0))],
    ['a welcome to the acceptor', 0, message(9, 0, 0, Buffer.alloc(0))],
    ['a request that is too short', 0, message(1, 1, 2, Buffer.alloc(3))],
    ['a request whose method does not fit', 0, message(1, 1, 2, Buffer.from([0, 0, 0, 9, 200, 65]))],
    ['unknown record flags', 0x80, Buffer.alloc(20)],
    ['a fragment of no message', 0x10, Buffer.alloc(20)],
    ['a first fragment that is tiny', 0x30, Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 9, 0, 0]), Buffer.alloc(20)])],
  ])('%s: closed and audited, and others are served', async (_name, flags, plaintext) => {
    const payments = await bed.running({ serviceId: 'payments', host: '127.0.0.1', identity: await ours.files('payments') });
    let delivered = 0;
    payments.mesh.handle('steal', () => ++delivered);
    const { channel, stranger } = await dialAsRogue(payments.port, ours.material('rogue'), 'spiffe://mesh.test/payments');
    await until('the rogue is in', () => delivered === 1);
    stranger.send(channel!.seal(flags, [plaintext]));
    await stranger.ended;

    expect(await payments.audit.waitFor('session.failed', 'protocol_violation')).toMatchObject({ eventType: 'error', targetServiceId: 'rogue' });
    expect(delivered).toBe(1);
    const again = await dialAsRogue(payments.port, ours.material('rogue'), 'spiffe://mesh.test/payments');
    bed.closing(again.stranger);
    await until('another is served', () => delivered === 2);
  });
});
