import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import { answerHandshake, dialRig, hangUp, type DialRig } from '../support/dialled.js';
import type { PlainChannel } from '../support/plain-channels.js';
import { message, rejection, turns } from '../support/wire.js';

const { close, goAway, welcome } = MessageKind;

describe('session dialer', () => {
  test('resolves when the peer says welcome: not before', async () => {
    const rig = dialRig();
    let ready = false;
    const dialled = rig.dial().then((outbound) => ((ready = true), outbound));
    const far = await answerHandshake(rig);
    await turns();
    expect(ready).toBe(false);
    rig.connection.onMessage(far.seal(0, [message(welcome, 0)]));
    const outbound = await dialled;
    expect([outbound.peer.id, outbound.isOpen]).toEqual(['spiffe://test/server', true]);
    expect(rig.audit.actions()).toEqual(['auth.succeeded', 'connection.open']);
    expect([rig.journal.successful, rig.journal.failed]).toEqual([1, 0]);
  });

  test('the handshake is told id and pins of the one dialled', async () => {
    let expected: unknown;
    const rig = dialRig({ onDial: (peer) => void (expected = peer) });
    void rig.dial();
    await turns();
    expect(expected).toEqual({ serviceId: 'server', pins: ['pin'] });
  });

  test('tells its owner of the end, and the journal', async () => {
    const rig = dialRig();
    const dialled = rig.dial();
    const far = await answerHandshake(rig);
    rig.connection.onMessage(far.seal(0, [message(welcome, 0)]));
    await dialled;
    rig.connection.onMessage(far.seal(0, [message(goAway, 0)]));
    expect(rig.events).toEqual(['draining', 'closed']);
    expect(rig.audit.actions().at(-1)).toBe('connection.close');
  });

  test('regression: a welcome that comes after a compromise of the own static key leads to no session', async () => {
    const channels: PlainChannel[] = [];
    const rig = dialRig({ onChannel: (channel) => void channels.push(channel) });
    const failed = rejection(rig.dial());
    const far = await answerHandshake(rig);
    (channels[0] as PlainChannel).revoked = true;
    rig.connection.onMessage(far.seal(0, [message(welcome, 0)]));
    expect(await failed).toMatchObject({ reason: 'session_closed', mayHaveRun: false });
    expect([rig.connection.closed, rig.audit.actions().includes('connection.open'), rig.journal.successful]).toEqual(['closed', false, 0]);
  });

  test('regression: a session that ends in the very record of its welcome is journalled in order', async () => {
    const rig = dialRig();
    const dialled = rig.dial();
    const far = await answerHandshake(rig);
    rig.connection.onMessage(far.seal(0, [message(welcome, 0), message(goAway, 0), message(close, 0)]));
    expect((await dialled).isOpen).toBe(false);
    expect(rig.audit.actions()).toEqual(['auth.succeeded', 'connection.open', 'connection.close']);
  });

  test.each([
    ['peer_mismatch', 'auth.failed', (rig: DialRig) => answerHandshake(rig, 'impostor').catch(() => {})],
    ['handshake_timeout', 'connection.failed', (rig: DialRig) => rig.clock.advance(5_000)],
    ['handshake_rejected', 'connection.failed', async (rig: DialRig) => { await turns(); hangUp(rig); }],
    ['handshake_rejected', 'connection.failed', async (rig: DialRig) => { await answerHandshake(rig); hangUp(rig); }],
    ['handshake_rejected', 'connection.failed', async (rig: DialRig) => { const far = await answerHandshake(rig); rig.connection.onMessage(far.seal(0, [message(close, 0)])); }],
    ['handshake_timeout', 'connection.failed', async (rig: DialRig) => { await answerHandshake(rig); await rig.clock.advance(5_000); }],
    ['record_invalid', 'connection.failed', async (rig: DialRig) => { await answerHandshake(rig); rig.connection.onMessage(Buffer.alloc(30)); }],
  ])('%s is journalled as %s, once, and leaves nothing behind', async (reason, action, act) => {
    const rig = dialRig();
    const failed = rejection(rig.dial());
    await act(rig);
    expect(await failed).toMatchObject({ reason });
    expect(rig.audit.actions()).toEqual([action]);
    expect([rig.journal.failed, rig.journal.handshakes[reason]]).toEqual([1, 1]);
    expect(rig.connection.closed).not.toBe('open');
    rig.journal.flush();
    expect(rig.clock.pendingTimers).toBe(0);
    expect(rig.events).toEqual([]);
  });

  test('a transport that fails is a connect_failed, whatever it threw', async () => {
    const rig = dialRig({}, () => Promise.reject(new Error('ENETUNREACH')));
    expect(await rejection(rig.dial())).toMatchObject({ reason: 'connect_failed', cause: new Error('ENETUNREACH') });
    expect(rig.audit.actions()).toEqual(['connection.failed']);
  });

  test('regression: a handshake that cannot even begin closes the connection it was for', async () => {
    const rig = dialRig({ onDial: () => { throw new MeshError('invalid_option', 'not a pin'); } });
    expect(await rejection(rig.dial())).toMatchObject({ reason: 'invalid_option' });
    expect(rig.connection.closed).toBe('terminated');
  });

  test.each(['during the handshake', 'before the welcome'])('an abort %s ends it, unjournalled: nobody wants it any more', async (when) => {
    const rig = dialRig();
    const failed = rejection(rig.dial());
    if (when === 'before the welcome') await answerHandshake(rig);
    else await turns();
    rig.abort.abort();
    await failed;
    expect(rig.connection.closed).not.toBe('open');
    expect([rig.audit.actions(), rig.clock.pendingTimers]).toEqual([[], 0]);
  });
});
