import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type AdmissionTicket, type ChannelHandshake, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { driveInitiator, driveResponder, MAX_HANDSHAKE_MESSAGE_BYTES } from '../../src/session/handshake-driver.js';
import { FakeConnection } from '../support/fake-connection.js';
import { PlainChannels } from '../support/plain-channels.js';
import { rejection } from '../support/wire.js';

interface Far {
  readonly handshake: ChannelHandshake;
  answer(message: Buffer): Buffer;
}

const far = (serviceId = 'server'): Far => {
  const handshake = new PlainChannels(serviceId).accept();
  return { handshake, answer: (message) => handshake.receive(message).reply as Buffer };
};

function initiator({ signal = new AbortController().signal, hooks = {} } = {}): { clock: FakeClock; connection: FakeConnection; channel: Promise<SecureChannel>; destroyed: () => boolean } {
  const clock = new FakeClock();
  const connection = new FakeConnection();
  const handshake = new PlainChannels('client', hooks).dial({ serviceId: 'server' });
  let destroyed = false;
  handshake.destroy = () => (destroyed = true);
  return { clock, connection, channel: driveInitiator(connection, handshake, clock, 5_000, signal), destroyed: () => destroyed };
}

interface Responder {
  readonly connection: FakeConnection;
  readonly ticket: { first: boolean; refused: boolean; released: number };
  readonly outcome: { channel?: SecureChannel; error?: MeshError };
}

function responder(first = true, hooks = {}): Responder {
  const connection = new FakeConnection();
  const ticket = { first, refused: false, released: 0 };
  const outcome: Responder['outcome'] = {};
  const admission: AdmissionTicket = { get refused() { return ticket.refused; }, remainingMs: 5_000, firstMessage: () => ticket.first, release: () => void ticket.released++ };
  driveResponder(connection, admission, new PlainChannels('server', hooks).accept(), (channel) => (outcome.channel = channel), (error) => (outcome.error = error));
  return { connection, ticket, outcome };
}

describe('initiator', () => {
  test('three messages later there is a channel, and no timer is left', async () => {
    const { clock, connection, channel } = initiator();
    connection.onMessage(far().answer(connection.sent[0] as Buffer));
    expect((await channel).peer.id).toBe('spiffe://test/server');
    expect(connection.sent).toHaveLength(2);
    expect([connection.closed, clock.pendingTimers]).toEqual(['open', 0]);
  });

  test('writes no message 3 to a peer that is not the one it dialled', async () => {
    const { connection, channel, destroyed } = initiator();
    connection.onMessage(far('impostor').answer(connection.sent[0] as Buffer));
    expect(await rejection(channel)).toMatchObject({ reason: 'peer_mismatch' });
    expect(connection.sent).toHaveLength(1);
    expect([connection.closed, destroyed()]).toEqual(['terminated', true]);
  });

  test('gives up after 5 s', async () => {
    const { clock, connection, channel, destroyed } = initiator();
    const outcome = rejection(channel);
    await clock.advance(5_000);
    expect(await outcome).toMatchObject({ reason: 'handshake_timeout', mayHaveRun: false });
    expect([connection.closed, destroyed()]).toEqual(['terminated', true]);
  });

  test('a peer that hangs up: handshake_rejected, with a hint where to look', async () => {
    const { clock, connection, channel } = initiator();
    connection.onEnd({ error: new Error('ECONNRESET') });
    const error = await rejection(channel);
    expect(error).toMatchObject({ reason: 'handshake_rejected', mayHaveRun: false, cause: new Error('ECONNRESET') });
    expect(error.text).toContain('may not trust this service');
    expect(clock.pendingTimers).toBe(0);
  });

  test('an abort ends it', async () => {
    const abort = new AbortController();
    const { connection, channel, clock } = initiator({ signal: abort.signal });
    abort.abort();
    expect(await rejection(channel)).toMatchObject({ reason: 'cancelled' });
    expect([connection.closed, clock.pendingTimers]).toEqual(['terminated', 0]);
  });

  test.each([
    ['garbage', Buffer.from('garbage')],
    ['an empty message', Buffer.alloc(0)],
    ['a message over 16 KiB', Buffer.concat([Buffer.of(2), Buffer.alloc(MAX_HANDSHAKE_MESSAGE_BYTES)])],
  ])('%s ends it', async (_name, message) => {
    const { connection, channel } = initiator();
    connection.onMessage(message);
    expect(await rejection(channel)).toMatchObject({ reason: 'handshake_invalid', code: 'UNAUTHENTICATED' });
    expect(connection.closed).toBe('terminated');
  });

  test('what a handshake throws that is no MeshError becomes handshake_invalid', async () => {
    const { connection, channel } = initiator({ hooks: { verifyAcceptor: () => { throw new TypeError('parser'); } } });
    connection.onMessage(far().answer(connection.sent[0] as Buffer));
    expect(await rejection(channel)).toMatchObject({ reason: 'handshake_invalid', cause: new TypeError('parser') });
  });
});

describe('responder', () => {
  const dialled = (): ChannelHandshake => new PlainChannels('client').dial({ serviceId: 'server' });

  test('answers message 1, and is done with message 3: the ticket is released', () => {
    const { connection, outcome, ticket } = responder();
    const near = dialled();
    connection.onMessage(Buffer.from(near.start() as Uint8Array));
    expect(connection.sent).toHaveLength(1);
    expect([outcome.channel, ticket.released]).toEqual([undefined, 0]);
    connection.onMessage(Buffer.from(near.receive(connection.sent[0] as Buffer).reply as Uint8Array));
    expect(outcome.channel?.peer.id).toBe('spiffe://test/client');
    expect(connection.sent).toHaveLength(1);
    expect(ticket.released).toBe(1);
  });

  test('does nothing at all for one whom admission refuses', () => {
    const { connection, outcome } = responder(false);
    connection.onMessage(Buffer.from(dialled().start() as Uint8Array));
    expect([connection.sent.length, connection.closed]).toEqual([0, 'terminated']);
    // Admission has said why.
    connection.onEnd({});
    expect(outcome).toEqual({});
  });

  test('says nothing about the end of one whom admission has sent away: that was said', () => {
    const { connection, outcome, ticket } = responder();
    ticket.refused = true;
    connection.onEnd({});
    expect([outcome, connection.closed]).toEqual([{}, 'terminated']);
  });

  test('whatever is wrong, the peer sees the same: the end, and not a byte', () => {
    const near = dialled();
    const first = Buffer.from(near.start() as Uint8Array);
    const wrong: [string, (rig: Responder) => void][] = [
      ['handshake_invalid', ({ connection }) => connection.onMessage(Buffer.from('garbage'))],
      ['handshake_invalid', ({ connection }) => connection.onMessage(Buffer.concat([Buffer.of(1), Buffer.alloc(MAX_HANDSHAKE_MESSAGE_BYTES)]))],
      ['handshake_invalid', ({ connection }) => { connection.onMessage(first); connection.onMessage(first); }],
      ['handshake_rejected', ({ connection }) => connection.onEnd({})],
    ];
    for (const [reason, act] of wrong) {
      const rig = responder();
      act(rig);
      expect(rig.outcome.error).toMatchObject({ reason });
      expect([rig.connection.closed, rig.ticket.released]).toEqual(['terminated', 1]);
      expect(rig.connection.sent.length).toBeLessThanOrEqual(1);
    }
  });

  test('an untrusted dialler gets nothing after its message 3', () => {
    const rig = responder(true, { verifyDialler: () => new MeshError('peer_untrusted', 'no') });
    const near = dialled();
    rig.connection.onMessage(Buffer.from(near.start() as Uint8Array));
    rig.connection.onMessage(Buffer.from(near.receive(rig.connection.sent[0] as Buffer).reply as Uint8Array));
    expect(rig.outcome.error).toMatchObject({ reason: 'peer_untrusted' });
    expect([rig.connection.sent.length, rig.connection.closed]).toEqual([1, 'terminated']);
    rig.connection.onMessage(Buffer.from('more'));
    rig.connection.onEnd({});
    expect(rig.outcome.error).toMatchObject({ reason: 'peer_untrusted' });
  });
});
