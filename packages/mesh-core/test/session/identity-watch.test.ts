import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type IdentityChange } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import { IdentityWatch } from '../../src/session/identity-watch.js';
import { InboundSession } from '../../src/session/inbound-session.js';
import type { LiveSession } from '../../src/session/live-session.js';
import { OutboundSession } from '../../src/session/outbound-session.js';
import { IdleCall } from '../support/idle-call.js';
import { RecordingAudit, RecordingLogger } from '../support/nodes.js';
import { PlainChannels } from '../support/plain-channels.js';
import { SessionRig } from '../support/session-rig.js';
import { message, turns } from '../support/wire.js';

const { goAway, close, welcome } = MessageKind;
const changed: IdentityChange = { type: 'changed', id: 'spiffe://test/own', notAfter: Date.UTC(2027, 0, 1), trustChanged: true };
const distrust = new MeshError('peer_untrusted', 'its CA is gone');

interface Peer {
  readonly rig: SessionRig;
  readonly events: string[];
}

interface Rig {
  readonly clock: FakeClock;
  readonly channels: PlainChannels;
  readonly audit: RecordingAudit;
  readonly logger: RecordingLogger;
  readonly watch: IdentityWatch;
  readonly inbound: Peer & { readonly owner: InboundSession };
  readonly outbound: Peer & { readonly owner: OutboundSession };
  /** Put in by a test, with those two: all live sessions. */
  readonly others: LiveSession[];
  /** What was to be renewed. */
  readonly renewals: string[];
}

function inboundPeer(events: string[] = []): Peer & { readonly owner: InboundSession } {
  const owner = new InboundSession({ onRequest: () => {}, onRefused: () => {} }, 10, { onRotated: () => {}, onSpent: () => {}, onEnd: (_session, { type }) => events.push(type) });
  const rig = new SessionRig('responder', owner);
  owner.attach(rig.session);
  return { rig, events, owner };
}

function rig(): Rig {
  const [clock, channels, audit, logger] = [new FakeClock(), new PlainChannels('own'), new RecordingAudit(), new RecordingLogger()];
  const inbound = inboundPeer();
  const outEvents: string[] = [];
  const outOwner = new OutboundSession({ onReady: () => {}, onRotated: () => {}, onSpent: () => {}, onVerified: () => {}, onDraining: () => void outEvents.push('draining'), onRenew: () => {}, onEnd: ({ type }) => void outEvents.push(type) }, 10);
  const outRig = new SessionRig('initiator', outOwner);
  outOwner.attach(outRig.session);
  outRig.feed(message(welcome, 0));
  const others: LiveSession[] = [];
  const renewals: string[] = [];
  const owner = { renewSessions: (trigger: string, withinMs: number) => { renewals.push(`${trigger} ${withinMs}`); return Promise.resolve({ rotated: 0, ended: 0, left: 0 }); } };
  const watch = new IdentityWatch({ channels, clock, audit, logger, drainMs: 10_000, sessions: () => [inbound.owner, outOwner, ...others].filter(({ session }) => session.state !== 'closed'), owner });
  watch.start();
  return { clock, channels, audit, logger, watch, inbound, outbound: { rig: outRig, events: outEvents, owner: outOwner }, others, renewals };
}

const revoked = (audit: RecordingAudit): RecordingAudit['events'] => audit.events.filter(({ details }) => details.action === 'auth.revoked');

const tell = (channels: PlainChannels, change: IdentityChange): void => {
  for (const listener of channels.identityListeners) listener(change);
};

describe('a changed identity', () => {
  test('leaves peers that are still trusted alone, has them renewed, and is audited', async () => {
    const { channels, audit, inbound, outbound, renewals, clock } = rig();
    tell(channels, changed);
    await clock.advance(60_000);
    expect(audit.events).toEqual([expect.objectContaining({ eventType: 'system', details: { action: 'identity.changed', success: true, metadata: { peerId: 'spiffe://test/own', notAfter: '2027-01-01T00:00:00.000Z' } } })]);
    expect([inbound.events, outbound.events, renewals]).toEqual([[], [], ['certificate 10000']]);
  });

  test('with the bundle as it was renews nothing', () => {
    const { channels, renewals } = rig();
    tell(channels, { ...changed, trustChanged: false });
    expect(renewals).toEqual([]);
  });

  test('with the bundle as it was judges nobody: a leaf that was renewed because the wall clock jumped says nothing about those of live sessions', async () => {
    const { channels, audit, inbound, outbound, clock } = rig();
    inbound.rig.near.reverifyError = outbound.rig.near.reverifyError = new MeshError('certificate_expired', 'by a clock that jumped');
    tell(channels, { ...changed, trustChanged: false });
    await clock.advance(60_000);
    expect([inbound.events, outbound.events, revoked(audit)]).toEqual([[], [], []]);
  });

  test('is reported before it hurts: a drain begins, the peers are named, and it says what to do', async () => {
    const { channels, audit, logger, inbound, outbound } = rig();
    inbound.rig.near.reverifyError = distrust;
    outbound.rig.near.reverifyError = distrust;
    tell(channels, changed);
    await turns();
    expect([inbound.events, outbound.events]).toEqual([['closed'], ['draining', 'closed']]);
    expect((await inbound.rig.read()).map(({ kind }) => kind)).toEqual([welcome, goAway, close]);
    expect(audit.events.slice(1).map(({ eventType, details }) => [eventType, details])).toEqual([
      ['system', { action: 'identity.ca_removed', success: false, error: 'peer_untrusted: its CA is gone', metadata: { peers: ['spiffe://test/client', 'spiffe://test/server'], count: 2 } }],
    ]);
    expect(logger.lines).toEqual([expect.stringMatching(/2 connected peer\(s\): spiffe:\/\/test\/client, spiffe:\/\/test\/server.*10000 ms.*put their CA back/)]);
    expect([inbound.rig.session.retiredFor, outbound.rig.session.retiredFor]).toEqual(['not_trusted', 'not_trusted']);
  });

  test('names 20 peers at most, and counts all', () => {
    const { channels, audit, others } = rig();
    for (let i = 0; i < 30; i++) {
      const { owner, rig: other } = inboundPeer();
      Object.assign(other.near, { peer: { ...other.near.peer, id: `spiffe://test/peer-${i}` }, reverifyError: distrust });
      Object.assign(owner.session, { peer: other.near.peer });
      others.push(owner);
    }
    tell(channels, changed);
    const { metadata } = audit.events.find(({ details }) => details.action === 'identity.ca_removed')?.details ?? {};
    expect(metadata).toMatchObject({ count: 30 });
    expect(metadata?.['peers']).toHaveLength(20);
  });

  test('who has not come back when the drain is over is audited as revoked', async () => {
    const { channels, audit, logger, clock, inbound, outbound } = rig();
    inbound.rig.near.reverifyError = distrust;
    outbound.rig.near.reverifyError = distrust;
    tell(channels, changed);
    await clock.advance(9_999);
    expect(revoked(audit)).toEqual([]);
    await clock.advance(1);
    expect(revoked(audit).map(({ eventType, targetServiceId, details }) => [eventType, targetServiceId, details.success, details.metadata])).toEqual([
      ['connection', 'client', false, { direction: 'inbound', address: '10.0.0.1:1234', peerId: 'spiffe://test/client', reason: 'peer_untrusted' }],
      ['connection', 'server', false, { direction: 'outbound', address: '10.0.0.1:1234', peerId: 'spiffe://test/server', reason: 'peer_untrusted' }],
    ]);
    expect(logger.lines).toHaveLength(3);
  });

  test.each([
    ['with a chain that verifies is not', undefined, 0],
    ['with one that does not is', distrust, 1],
  ])('who has come back %s', async (_how, reverifyError, verdicts) => {
    const { channels, audit, clock, inbound, others } = rig();
    inbound.rig.near.reverifyError = distrust;
    tell(channels, changed);
    const { owner, rig: again } = inboundPeer();
    others.push(owner);
    again.near.reverifyError = reverifyError;
    await clock.advance(10_000);
    expect(revoked(audit)).toHaveLength(verdicts);
  });

  test('one session that came back stands for one that was lost', async () => {
    const { channels, audit, clock, inbound, others } = rig();
    const second = inboundPeer();
    others.push(second.owner);
    inbound.rig.near.reverifyError = second.rig.near.reverifyError = distrust;
    tell(channels, changed);
    others.push(inboundPeer().owner);
    await clock.advance(10_000);
    expect(revoked(audit)).toHaveLength(1);
  });

  test('a handshake that was under way then is judged as well', async () => {
    const { channels, audit, clock, others } = rig();
    tell(channels, changed);
    const { owner, rig: late, events } = inboundPeer();
    late.near.reverifyError = distrust;
    others.push(owner);
    await clock.advance(10_000);
    expect([events, audit.events.map(({ details }) => details.action)]).toEqual([['closed'], ['identity.changed', 'identity.ca_removed']]);
    await clock.advance(10_000);
    expect([revoked(audit).length, clock.pendingTimers]).toEqual([1, 0]);
  });

  test('the verdict is spoken at once where the node ends', () => {
    const { channels, audit, watch, outbound, clock } = rig();
    outbound.rig.near.reverifyError = distrust;
    tell(channels, changed);
    watch.judge();
    expect(revoked(audit)).toHaveLength(1);
    watch.stop();
    expect([revoked(audit).length, clock.pendingTimers]).toEqual([1, 0]);
  });

  test('lets calls in flight end, for as long as a drain may take', async () => {
    const { channels, clock, outbound } = rig();
    const call = new IdleCall();
    outbound.owner.send(call, 60_000);
    outbound.rig.near.reverifyError = distrust;
    tell(channels, changed);
    expect([outbound.owner.isOpen, outbound.events]).toEqual([false, ['draining']]);
    await clock.advance(9_999);
    expect(call.failure).toBeUndefined();
    await clock.advance(1);
    expect(call.failure).toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
    expect(outbound.events).toEqual(['draining', 'closed']);
  });

  test('one that was refused changes nothing, and is audited', () => {
    const { channels, audit, outbound } = rig();
    outbound.rig.near.reverifyError = distrust;
    tell(channels, { type: 'refused', error: new MeshError('identity_invalid', 'the key does not match') });
    expect(audit.events).toEqual([expect.objectContaining({ details: { action: 'identity.refused', success: false, error: 'identity_invalid: the key does not match', metadata: { reason: 'identity_invalid' } } })]);
    expect(outbound.events).toEqual([]);
  });

  test('is followed once however often it starts, and no more once it stopped', () => {
    const { channels, audit, watch } = rig();
    watch.start();
    tell(channels, changed);
    expect(audit.events).toHaveLength(1);
    watch.stop();
    watch.stop();
    expect(channels.identityListeners.size).toBe(0);
  });
});
