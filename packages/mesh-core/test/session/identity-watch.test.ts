import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type IdentityChange } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import { IdentityWatch } from '../../src/session/identity-watch.js';
import { InboundSession } from '../../src/session/inbound-session.js';
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

function rig(): { clock: FakeClock; channels: PlainChannels; audit: RecordingAudit; logger: RecordingLogger; watch: IdentityWatch; inbound: Peer & { owner: InboundSession }; outbound: Peer & { owner: OutboundSession } } {
  const [clock, channels, audit, logger] = [new FakeClock(), new PlainChannels('own'), new RecordingAudit(), new RecordingLogger()];
  const [inEvents, outEvents]: [string[], string[]] = [[], []];
  const inOwner = new InboundSession({ onRequest: () => {}, onRefused: () => {} }, 10, { onRotated: () => {}, onSpent: () => {}, onEnd: (_session, { type }) => inEvents.push(type) });
  const inRig = new SessionRig('responder', inOwner);
  inOwner.attach(inRig.session);
  const outOwner = new OutboundSession({ onReady: () => {}, onRotated: () => {}, onSpent: () => {}, onVerified: () => {}, onDraining: () => void outEvents.push('draining'), onEnd: ({ type }) => void outEvents.push(type) }, 10);
  const outRig = new SessionRig('initiator', outOwner);
  outOwner.attach(outRig.session);
  outRig.feed(message(welcome, 0));
  const watch = new IdentityWatch({ channels, clock, audit, logger, drainMs: 10_000, sessions: () => [inOwner, outOwner] });
  watch.start();
  return { clock, channels, audit, logger, watch, inbound: { rig: inRig, events: inEvents, owner: inOwner }, outbound: { rig: outRig, events: outEvents, owner: outOwner } };
}

const tell = (channels: PlainChannels, change: IdentityChange): void => {
  for (const listener of channels.identityListeners) listener(change);
};

describe('a changed identity', () => {
  test('leaves peers that are still trusted alone, and is audited', () => {
    const { channels, audit, inbound, outbound } = rig();
    tell(channels, changed);
    expect(audit.events).toEqual([expect.objectContaining({ eventType: 'system', details: { action: 'identity.changed', success: true, metadata: { peerId: 'spiffe://test/own', notAfter: '2027-01-01T00:00:00.000Z' } } })]);
    expect([inbound.events, outbound.events]).toEqual([[], []]);
  });

  test('drains and closes who is not trusted any more, says so, and audits it', async () => {
    const { channels, audit, logger, clock, inbound, outbound } = rig();
    inbound.rig.near.reverifyError = distrust;
    outbound.rig.near.reverifyError = distrust;
    tell(channels, changed);
    await turns();
    expect([inbound.events, outbound.events]).toEqual([['closed'], ['draining', 'closed']]);
    expect((await inbound.rig.read()).map(({ kind }) => kind)).toEqual([welcome, goAway, close]);
    expect(audit.events.filter(({ details }) => details.action === 'auth.revoked').map(({ eventType, targetServiceId, details }) => [eventType, targetServiceId, details.success, details.metadata])).toEqual([
      ['connection', 'client', false, { direction: 'inbound', address: '10.0.0.1:1234', peerId: 'spiffe://test/client', reason: 'peer_untrusted' }],
      ['connection', 'server', false, { direction: 'outbound', address: '10.0.0.1:1234', peerId: 'spiffe://test/server', reason: 'peer_untrusted' }],
    ]);
    expect(logger.lines).toHaveLength(2);
    expect(clock.pendingTimers).toBe(0);
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
