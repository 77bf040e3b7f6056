import { describe, expect, test } from '@jest/globals';
import { MeshError, type FakeClock, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import type { SessionLimits } from '../../src/session/session-limits.js';
import { inboundRig, type InboundRig, type Stranger } from '../support/inbound-rig.js';
import { RecordingAudit } from '../support/nodes.js';
import type { PlainHooks } from '../support/plain-channels.js';
import { message, request as requestPayload, turns } from '../support/wire.js';

const { close, goAway, request, welcome } = MessageKind;

function rig(settings: { hooks?: PlainHooks; limits?: Partial<SessionLimits> } = {}): InboundRig & { audit: RecordingAudit } {
  const audit = new RecordingAudit();
  return { audit, ...inboundRig(audit, settings) };
}

describe('inbound sessions', () => {
  test('who proves itself gets a session and a welcome', async () => {
    const { audit, journal, sessions, come } = rig();
    const stranger = come();
    stranger.speak();
    expect([sessions.admission.pending, sessions.sessions()]).toEqual([1, []]);
    stranger.finish();
    expect(sessions.admission.pending).toBe(0);
    expect(sessions.sessions().map(({ peer }) => peer.serviceId)).toEqual(['client']);
    expect(await stranger.heard()).toEqual([[welcome, 0]]);
    expect(audit.actions()).toEqual(['auth.succeeded', 'connection.open']);
    expect(journal.successful).toBe(1);
  });

  test('a session that ends is forgotten and journalled', async () => {
    const { audit, journal, sessions, come } = rig();
    const stranger = come();
    stranger.speak();
    stranger.finish();
    await turns();
    stranger.connection.onEnd({});
    expect(sessions.sessions()).toEqual([]);
    expect(audit.actions().at(-1)).toBe('connection.truncated');
    expect(journal.endedBytes.sent).toBeGreaterThan(0);
  });

  test('the acceptor knows the pins of who dials in', () => {
    const pins: unknown[] = [];
    const { come } = rig({ hooks: { verifyDialler: (id, of) => void pins.push(id, of) } });
    const stranger = come();
    stranger.speak();
    stranger.finish();
    expect(pins).toEqual(['spiffe://test/client', ['pin']]);
  });

  test.each([
    ['one that says nothing', 'handshake_timeout', async ({ clock }: { clock: FakeClock }) => clock.advance(5_000)],
    ['one that stops half-way', 'handshake_timeout', async ({ clock }: { clock: FakeClock }, stranger: Stranger) => { stranger.speak(); await clock.advance(5_000); }],
    ['one that talks garbage', 'handshake_invalid', async (_rig: unknown, stranger: Stranger) => stranger.connection.onMessage(Buffer.from('garbage'))],
    ['one that hangs up', 'handshake_rejected', async (_rig: unknown, stranger: Stranger) => { stranger.speak(); stranger.connection.onEnd({}); }],
  ])('regression: %s is counted and journalled once', async (_name, reason, act) => {
    const all = rig();
    const stranger = all.come();
    await act(all, stranger);
    expect([all.journal.failed, all.journal.handshakes]).toEqual([1, { [reason]: 1 }]);
    expect(all.audit.events).toHaveLength(1);
    expect([stranger.connection.closed, all.sessions.admission.pending]).toEqual(['terminated', 0]);
  });

  test('sessions are capped: the one above it is refused once, and its channel destroyed', () => {
    const all = rig({ limits: { maxSessions: 1 } });
    const [first, second] = [all.come(), all.come()];
    for (const stranger of [first, second]) {
      stranger.speak();
      stranger.finish();
    }
    second.connection.onEnd({});
    expect(all.sessions.sessions()).toHaveLength(1);
    expect(second.connection.closed).toBe('terminated');
    expect(all.journal.handshakes).toEqual({ ok: 1, admission_limited: 1 });
    first.connection.onEnd({});
    const third = all.come();
    third.speak();
    third.finish();
    expect(all.sessions.sessions()).toHaveLength(1);
  });

  test('regression: where no handshake can be made, the stranger is refused and the process lives', () => {
    const all = rig({ hooks: { onAccept: () => { throw new MeshError('identity_invalid', 'the key is gone'); } } });
    const stranger = all.come();
    expect([stranger.connection.closed, all.sessions.admission.pending, all.journal.failed]).toEqual(['terminated', 0, 1]);
  });
});

describe('drain', () => {
  test('sends all sessions away and resolves when the last has ended', async () => {
    const { sessions, requests, come, clock } = rig();
    const strangers = [come(), come()];
    for (const stranger of strangers) {
      stranger.speak();
      stranger.finish();
    }
    let done = false;
    const drained = sessions.drain(10_000).then(() => (done = true));
    await drained;
    expect(await strangers[0]?.heard()).toEqual([[welcome, 0], [goAway, 0], [close, 0]]);
    expect([done, sessions.sessions(), requests, clock.pendingTimers]).toEqual([true, [], [], 0]);
  });

  test('a call that does not end is cut at the limit', async () => {
    const { sessions, clock, come } = rig();
    const stranger = come();
    stranger.speak();
    stranger.finish();
    const [inbound] = sessions.sessions();
    inbound?.calls.set(1, { cancel: () => {} } as never);
    let done = false;
    void sessions.drain(10_000).then(() => (done = true));
    await clock.advance(9_999);
    expect(done).toBe(false);
    await clock.advance(1);
    expect(done).toBe(true);
    expect((await stranger.heard()).at(-1)).toEqual([close, 0]);
  });

  test('takes nobody new, and gives the ticket back', () => {
    const { sessions, come } = rig();
    void sessions.drain(10_000);
    const late = come();
    expect([late.connection.closed, sessions.admission.pending]).toEqual(['terminated', 0]);
  });

  test('regression: one whose handshake ends after it began is told at once, and its calls run elsewhere', async () => {
    const { sessions, requests, come } = rig();
    const late = come();
    late.speak();
    await sessions.drain(10_000);
    late.finish();
    expect(await late.heard()).toEqual([[welcome, 0], [goAway, 0], [close, 0]]);
    late.connection.onMessage((late.channel as SecureChannel).seal(0, [message(request, 1, requestPayload('m'))]));
    expect([requests, sessions.sessions()]).toEqual([[], []]);
  });

  test('close() ends sessions and strangers', () => {
    const { sessions, come } = rig();
    const [stranger, member] = [come(), come()];
    member.speak();
    member.finish();
    sessions.close();
    expect([stranger.connection.closed, member.connection.closed]).toEqual(['terminated', 'closed']);
    expect([sessions.sessions(), sessions.admission.pending]).toEqual([[], 0]);
  });
});
