import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { RecordingAdapter } from './support/recording-adapter.js';
import { Stranger, StrangerListener } from './support/stranger.js';
import { onMessages, TcpProxy, type Direction, type Interference } from './support/tcp-proxy.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const REDIAL_AT_ONCE = { backoff: { initialMs: 1, maxMs: 1 } };

/** How many connections failed for that reason: after the first, they are counted and said together. */
const refusals = (audit: RecordingAdapter, reason: string): number =>
  audit.events.filter(({ details }) => details.metadata?.['reason'] === reason).reduce((sum, { details }) => sum + (details.messageCount ?? 1), 0);

const reasonsOf = (events: readonly MeshAuditEvent[]): string[] => [...new Set(events.map(({ details }) => String(details.metadata?.['reason'])))].sort();

/** 'payments' behind a man in the middle, and 'orders', which dials it there and never gives up. */
async function besieged(interference: Interference) {
  const payments = await bed.running({ serviceId: 'payments', limits: { addressBurst: 100_000, globalBurst: 100_000 } });
  const delivered: unknown[] = [];
  payments.mesh.handle('pay', (input) => delivered.push(input));
  const proxy = bed.closing(await TcpProxy.to(payments.port, interference));
  const orders = await bed.running({
    serviceId: 'orders',
    discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: proxy.port }] },
    resilience: REDIAL_AT_ONCE,
  });
  return { payments, orders, proxy, delivered };
}

/** Messages of the handshake by direction and index; their lengths are the same in every run but for a few bytes of DER. */
const HANDSHAKE = { 1: ['toServer', 0], 2: ['toClient', 0], 3: ['toServer', 1] } as const satisfies Record<number, readonly [Direction, number]>;
const lengths: Record<number, number> = {};

beforeAll(async () => {
  const { orders, proxy } = await besieged(
    onMessages((direction, index, message) => {
      for (const [number, [way, at]] of Object.entries(HANDSHAKE)) if (way === direction && at === index) lengths[Number(number)] = message.length;
      return [message];
    }),
  );
  await orders.audit.waitFor('connection.open');
  expect(proxy.links).toHaveLength(1);
  await bed.close();
});

/** Positions over the whole of a message: all of the beginning and the end, and samples between. */
function positionsIn(length: number): number[] {
  const all = Array.from({ length }, (_, position) => position);
  return all.filter((position) => position < 4 || position >= length - 4 || position % 29 === 0);
}

describe('one changed bit in a message of the handshake: refused wherever it is', () => {
  test.each([1, 2, 3] as const)('message %d', async (number) => {
    const [way, at] = HANDSHAKE[number];
    const positions = positionsIn(lengths[number] as number);
    const { payments, orders, delivered, proxy } = await besieged(
      onMessages((direction, index, message, link) => {
        const position = positions[link.number];
        if (direction !== way || index !== at || position === undefined) return [message];
        const changed = Buffer.from(message);
        changed[position] = (changed[position] as number) ^ (1 << (link.number % 8));
        return [changed];
      }),
    );

    // Each position is a connection of its own; the first honest one opens.
    await orders.audit.waitFor('connection.open');
    expect(proxy.links).toHaveLength(positions.length + 1);
    expect(delivered).toEqual([]);
    expect(orders.mesh.getStats().metrics).toMatchObject({ connectionsSuccessful: 1, connectionsFailed: positions.length });
    expect(payments.audit.having('connection.open')).toHaveLength(1);

    // Who notices says what; the other end sees a hang-up and nothing else.
    const [atClient, atServer] = [orders, payments].map(({ audit }) => reasonsOf([...audit.having('auth.failed'), ...audit.having('connection.failed'), ...audit.having('connection.refused')]));
    await payments.mesh.close();
    await orders.mesh.close();
    if (number === 1) {
      // Version and suite are noticed at once, a changed key by the dialler, whom the prologue and h tell.
      expect(atServer).toEqual(['handshake_rejected', 'unsupported_protocol']);
      expect(atClient).toEqual(['handshake_invalid', 'handshake_rejected']);
    } else if (number === 2) {
      expect(atServer).toEqual(['handshake_rejected']);
      expect(atClient).toEqual(['handshake_invalid']);
      expect(refusals(orders.audit, 'handshake_invalid')).toBe(positions.length);
    } else {
      expect(atServer).toEqual(['handshake_invalid']);
      expect(atClient).toEqual(['handshake_rejected']);
      expect(refusals(payments.audit, 'handshake_invalid')).toBe(positions.length);
    }
  });

  test('the other suite in message 1 (a downgrade): the dialler notices', async () => {
    const { orders, payments } = await besieged(
      onMessages((direction, index, message, link) => {
        if (direction === 'toServer' && index === 0 && link.number === 0) message[1] = 2;
        return [message];
      }),
    );
    expect((await orders.audit.waitFor('auth.failed')).details.metadata?.['reason']).toBe('handshake_invalid');
    // Nobody retried with another suite: the next connection, left alone, is the suite of the options.
    await orders.audit.waitFor('connection.open');
    expect(payments.audit.having('connection.open').map(({ details }) => details.metadata?.['suite'])).toEqual(['aesgcm']);
  });

  test.each([
    ['cut short', (message: Buffer) => message.subarray(0, -1)],
    ['with a byte more', (message: Buffer) => Buffer.concat([message, Buffer.of(0)])],
    ['empty', () => Buffer.alloc(0)],
  ])('every message of the handshake %s', async (_name, spoil) => {
    const { orders, delivered } = await besieged(
      onMessages((direction, index, message, link) => {
        const [way, at] = HANDSHAKE[(link.number + 1) as 1 | 2 | 3] ?? [];
        return [direction === way && index === at ? spoil(message) : message];
      }),
    );
    await orders.audit.waitFor('connection.open');
    expect(orders.mesh.getStats().metrics).toMatchObject({ connectionsSuccessful: 1, connectionsFailed: 3 });
    expect(delivered).toEqual([]);
  });
});

describe('a first message of', () => {
  const ephemeral = Buffer.alloc(32, 9);
  test.each([
    ['an unknown version', 'unsupported_protocol', Buffer.concat([Buffer.of(2, 1), ephemeral])],
    ['version 0', 'unsupported_protocol', Buffer.concat([Buffer.of(0, 1), ephemeral])],
    ['an unknown suite', 'unsupported_protocol', Buffer.concat([Buffer.of(1, 3), ephemeral])],
    ['suite 0', 'unsupported_protocol', Buffer.concat([Buffer.of(1, 0), ephemeral])],
    ['one byte', 'unsupported_protocol', Buffer.of(1)],
    ['no byte', 'unsupported_protocol', Buffer.alloc(0)],
    ['a key that is too short', 'handshake_invalid', Buffer.concat([Buffer.of(1, 1), ephemeral.subarray(1)])],
    ['a payload', 'handshake_invalid', Buffer.concat([Buffer.of(1, 1), ephemeral, Buffer.from('early data')])],
    ['a key of low order', 'handshake_invalid', Buffer.concat([Buffer.of(1, 1), Buffer.alloc(32)])],
  ])('%s: closed without a word, %s', async (_name, reason, message) => {
    const { audit, port } = await bed.running({ serviceId: 'payments' });
    const stranger = await Stranger.connect(port);
    await stranger.upgrade();
    stranger.send(message);
    await stranger.ended;
    expect(stranger.opcodes).toEqual([]);
    await audit.waitFor('auth.failed', reason);
  });
});

describe('a reflected handshake', () => {
  test('own messages sent back as they are: refused', async () => {
    const mirror = bed.closing(
      await StrangerListener.start((stranger) => {
        void stranger.grantUpgrade().then(async () => {
          const first = await stranger.message(0);
          if (first !== undefined) stranger.send(first);
        });
      }),
    );
    const orders = await bed.running({ serviceId: 'orders', discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: mirror.port }] } });
    await expect(orders.mesh.connect('payments').call('pay', {})).rejects.toMatchObject({ reason: 'handshake_invalid' });
    await orders.audit.waitFor('auth.failed', 'handshake_invalid');
  });

  test('the own listener behind the address of another service: refused, and no session with oneself', async () => {
    const proxy = bed.closing(await TcpProxy.to(0));
    const orders = await bed.running({ serviceId: 'orders', discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: proxy.port }] }, resilience: REDIAL_AT_ONCE });
    proxy.retarget(orders.port);
    await orders.audit.waitFor('auth.failed', 'reflected_handshake');
    await expect(orders.mesh.connect('payments').call('pay', {})).rejects.toMatchObject({ reason: 'reflected_handshake', mayHaveRun: false });
    expect(orders.mesh.getStats()).toMatchObject({ connectedServices: [], metrics: { messagesReceived: 0, connectionsSuccessful: 0 } });
  });

  test('the own id is no reflection: replicas call each other', async () => {
    const first = await bed.running({ serviceId: 'orders' });
    first.mesh.handle('who', () => 'first');
    const second = await bed.running({ serviceId: 'orders', discovery: { services: [{ id: 'orders', host: '127.0.0.1', port: first.port }] } });
    expect(await second.mesh.connect('orders').call('who', {})).toBe('first');
  });
});

test('message 1 of an earlier connection, replayed: answered afresh, and leads nowhere', async () => {
  const { orders, payments, proxy } = await besieged(onMessages((_direction, _index, message) => [message]));
  await orders.audit.waitFor('connection.open');
  const replay = await Stranger.connect(payments.port);
  replay.socket.write(Buffer.concat(proxy.recorded[0]?.toServer ?? []));
  await replay.ended;
  await payments.audit.waitFor('auth.failed', 'handshake_invalid');
  expect(payments.audit.having('connection.open')).toHaveLength(1);
  await until('the honest session lives on', () => orders.mesh.getStats().sessions.activeSessions === 1);
});
