import { generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { WebSocketTransport } from '@lemur-bookstores/mesh-core';
import { CHANNEL_RECORD_FLAG, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { TappedTransport, type Tap } from './support/tapped-transport.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';
import { WatchedChannels } from './support/watched-channels.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

type Side = 'orders' | 'payments';
const isControl = (record: Buffer): boolean => ((record[0] as number) & CHANNEL_RECORD_FLAG) !== 0;

interface Tapped {
  readonly meshes: Record<Side, TestMesh>;
  readonly taps: Partial<Record<Side, Tap>>;
  /** What the handler at 'payments' was given. */
  readonly heard: unknown[];
  /** Of the first session: that of 'orders', and that of 'payments'. */
  readonly ends: Record<Side, SecureChannel>;
  say(text: string): Promise<unknown>;
}

/**
 * 'orders' dials 'payments', and each writes through a tap.
 * @param rogue its first session does not rekey: it seals what it likes
 */
async function tapped(rogue?: Side): Promise<Tapped> {
  const channels = new WatchedChannels((channel) => {
    if (channels.sessions.length > 0 || rogue !== (channel.role === 'initiator' ? 'orders' : 'payments')) return;
    Object.assign(channel.rekeying as object, { start: () => undefined });
  });
  const taps: Partial<Record<Side, Tap>> = {};
  const heard: unknown[] = [];
  const make = (serviceId: Side): TestMesh => {
    const transport = new TappedTransport(new WebSocketTransport(), (record) => taps[serviceId]?.(record) ?? [record]);
    const made = bed.mesh({ serviceId, transport, rotation: { minIntervalMs: 0 } });
    channels.watch(made);
    return made;
  };
  const meshes = { payments: make('payments'), orders: make('orders') };
  meshes.payments.mesh.handle('say', (input) => (heard.push(input), input));
  for (const { mesh } of [meshes.payments, meshes.orders]) await mesh.initialize();
  const client = meshes.orders.mesh.connect('payments');
  const say = (text: string): Promise<unknown> => client.call('say', text, { timeoutMs: 5_000 });
  expect(await say('first')).toBe('first');
  const { dialler, acceptor } = channels.sessions[0]!;
  return { meshes, taps, heard, say, ends: { orders: dialler, payments: acceptor } };
}

/** The victim's session is over, audited with the reason; the calls that follow have another, and arrive once. */
async function expectEnded({ meshes, heard, ends, say }: Tapped, victim: Side): Promise<void> {
  const failed = await meshes[victim].audit.waitFor('session.failed');
  expect(failed).toMatchObject({ eventType: 'error', details: { success: false, metadata: { reason: expect.stringMatching(/^(record_invalid|protocol_violation)$/) } } });
  expect(ends[victim].rekeying?.rekey('manual')).toBe(false);
  await until('another session stands', () => (meshes.orders.mesh.metrics().handshakes['ok'] ?? 0) >= 2);
  expect(await say('afterwards')).toBe('afterwards');
  expect(heard.filter((text) => text !== 'between')).toEqual(['first', 'afterwards']);
}

const otherOf = (side: Side): Side => (side === 'orders' ? 'payments' : 'orders');

describe('somebody between two meshes, at the first control record of either: the session ends, audited, and calls go on in a new one', () => {
  const attacks: Record<string, (record: Buffer) => readonly Buffer[]> = {
    dropped: () => [],
    repeated: (record) => [record, Buffer.from(record)],
    altered: (record) => [Buffer.concat([record.subarray(0, 5), Buffer.of((record[5] as number) ^ 1), record.subarray(6)])],
    'taken for data': (record) => [Buffer.concat([Buffer.of((record[0] as number) ^ CHANNEL_RECORD_FLAG), record.subarray(1)])],
  };
  const cases = (['orders', 'payments'] as const).flatMap((side) => Object.keys(attacks).map((attack) => [side, attack] as const));
  test.each(cases)('of %s: %s', async (side, attack) => {
    const all = await tapped();
    let controls = 0;
    all.taps[side] = (record) => (isControl(record) && controls++ === 0 ? attacks[attack]!(record) : [record]);
    all.ends.orders.rekeying?.rekey('manual');
    // A loss shows with the next record.
    if (attack === 'dropped') void all.say('between').catch(() => undefined);
    await expectEnded(all, otherOf(side));
    expect(controls).toBeGreaterThan(0);
  });
});

describe('an authenticated peer that breaks the rules of the rekey: the same', () => {
  const publicKey = (): Buffer => generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const long = (type: number, epoch: number, key = publicKey()): Buffer => Buffer.concat([Buffer.of(type, 0, 0, 0, epoch), key]);
  const init = long(2, 1);
  /** Plaintexts of control records (docs/wire-protocol.md). */
  const breaches: [string, Side, Buffer[]][] = [
    ['REQUEST to an acceptor', 'orders', [Buffer.of(1)]],
    ['DONE before anything', 'orders', [Buffer.of(4)]],
    ['RESP to an acceptor', 'orders', [long(3, 1)]],
    ['INIT for a later epoch', 'orders', [long(2, 2)]],
    ['INIT with a key of low order', 'orders', [long(2, 1, Buffer.alloc(32))]],
    ['INIT twice', 'orders', [init, init]],
    ['INIT again and again', 'orders', Array.from({ length: 50 }, () => long(2, 1))],
    ['DONE under the old key', 'orders', [init, Buffer.of(4)]],
    ['an unknown message', 'orders', [Buffer.of(9)]],
    ['INIT to a dialler', 'payments', [long(2, 1)]],
    ['RESP before INIT', 'payments', [long(3, 1)]],
    ['DONE to a dialler', 'payments', [Buffer.of(4)]],
  ];
  test.each(breaches)('%s', async (_name, rogue, plaintexts) => {
    const all = await tapped(rogue);
    let isSaid = false;
    all.taps[rogue] = (record) => {
      if (isSaid) return [record];
      isSaid = true;
      return [record, ...plaintexts.map((plaintext) => all.ends[rogue].seal(CHANNEL_RECORD_FLAG, [plaintext]))];
    };
    await all.say('between').catch(() => undefined);
    await expectEnded(all, otherOf(rogue));
  });
});
