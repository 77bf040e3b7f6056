import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import { answerHandshake, dialRigWith, hangUp, type DialRig } from '../support/dialled.js';
import { FakeRekeying } from '../support/fake-rekeying.js';
import { HoldingAudit } from '../support/holding-audit.js';
import { IdleCall } from '../support/idle-call.js';
import { inboundRig, type InboundRig, type Stranger } from '../support/inbound-rig.js';
import type { PlainChannel, PlainHooks } from '../support/plain-channels.js';
import { message, rejection, request as requestPayload, turns } from '../support/wire.js';

const { close, goAway, request, response, welcome } = MessageKind;

describe('who dials in, where connection events are fail-closed', () => {
  /** A stranger who has proven itself, and whose `auth.succeeded` is not held yet. */
  async function proven(limits: Parameters<typeof inboundRig>[1] = {}): Promise<InboundRig & { audit: HoldingAudit; stranger: Stranger }> {
    const audit = new HoldingAudit(['connection'], ['auth.succeeded']);
    const rig = inboundRig(audit, limits);
    const stranger = rig.come();
    stranger.speak();
    stranger.finish();
    await audit.reached('auth.succeeded');
    return { ...rig, audit, stranger };
  }
  const say = ({ connection, channel }: Stranger, ...messages: Buffer[]): void => messages.forEach((one) => connection.onMessage(channel?.seal(0, [one]) as Buffer));
  const refusals = (audit: HoldingAudit): unknown[] => audit.having('connection.refused').map(({ details }) => [details.metadata?.['reason'], details.messageCount, details.success]);

  test('is welcomed once auth.succeeded is held', async () => {
    const { audit, sessions, journal, stranger } = await proven();
    expect([await stranger.heard(), sessions.sessions(), journal.successful]).toEqual([[], [], 0]);
    await audit.hold('auth.succeeded');
    expect(await stranger.heard()).toEqual([[welcome, 0]]);
    expect([sessions.sessions().length, journal.successful, journal.failed]).toEqual([1, 1, 0]);
    expect(audit.said).toEqual(['hold auth.succeeded', 'connection.open']);
    expect(stranger.connection.isAuthenticated).toBe(true);
  });

  test('is refused, counted and told nothing where no durable sink takes it', async () => {
    const { audit, sessions, journal, clock, stranger } = await proven();
    await audit.refuse('auth.succeeded');
    expect([await stranger.heard(), stranger.connection.closed, sessions.sessions()]).toEqual([[], 'terminated', []]);
    expect([journal.successful, journal.failed, journal.handshakes]).toEqual([0, 1, { audit_unavailable: 1 }]);
    expect(refusals(audit)).toEqual([['audit_unavailable', 1, false]]);
    journal.flush();
    expect(clock.pendingTimers).toBe(0);
  });

  test("is refused at the end of the handshake's time where none answers, and what is held later changes nothing", async () => {
    const { audit, sessions, journal, clock, stranger } = await proven();
    await clock.advance(4_999);
    expect(stranger.connection.closed).toBe('open');
    await clock.advance(1);
    expect(stranger.connection.closed).toBe('terminated');
    await audit.hold('auth.succeeded');
    expect([sessions.sessions(), journal.successful, refusals(audit)]).toEqual([[], 0, [['audit_unavailable', 1, false]]]);
    journal.flush();
    expect(clock.pendingTimers).toBe(0);
  });

  test('the time counts from the door on, not from the proof', async () => {
    const audit = new HoldingAudit(['connection'], ['auth.succeeded']);
    const { clock, come } = inboundRig(audit);
    const stranger = come();
    await clock.advance(3_000);
    stranger.speak();
    stranger.finish();
    await clock.advance(2_000);
    expect(stranger.connection.closed).toBe('terminated');
  });

  test('what it sends before its welcome (PROTOCOL 1.4) is taken up after it, in order', async () => {
    const { audit, requests, stranger } = await proven();
    say(stranger, ...[1, 2, 3].map((id) => message(request, id, requestPayload('m'))));
    await turns();
    expect(requests).toEqual([]);
    await audit.hold('auth.succeeded');
    expect(requests).toEqual([1, 2, 3]);
  });

  test('more than a record of that is not kept: refused', async () => {
    const { audit, stranger } = await proven();
    const big = Buffer.alloc(100_000, 32);
    for (const id of [1, 2]) say(stranger, message(request, id, requestPayload('m', big)));
    expect(stranger.connection.closed).toBe('open');
    say(stranger, message(request, 3, requestPayload('m', big)));
    expect([stranger.connection.closed, refusals(audit)]).toEqual(['terminated', [['protocol_violation', 1, false]]]);
  });

  test('hangs up meanwhile: gone', async () => {
    const { audit, sessions, stranger } = await proven();
    stranger.connection.onEnd({});
    await audit.hold('auth.succeeded');
    expect([sessions.sessions(), refusals(audit)]).toEqual([[], [['handshake_rejected', 1, false]]]);
  });

  test.each(['drain()', 'close()'])('%s ends the wait', async (how) => {
    const { audit, sessions, clock, journal, stranger } = await proven();
    if (how === 'close()') sessions.close();
    else await sessions.drain(1_000);
    expect(stranger.connection.closed).toBe('terminated');
    await audit.hold('auth.succeeded');
    journal.flush();
    expect([sessions.sessions(), clock.pendingTimers, refusals(audit)]).toEqual([[], 0, [['session_closed', 1, false]]]);
  });

  test('those who wait count as sessions', async () => {
    const { audit, come } = await proven({ limits: { maxSessions: 1 } });
    const second = come();
    second.speak();
    second.finish();
    expect([second.connection.closed, refusals(audit)]).toEqual(['terminated', [['admission_limited', 1, false]]]);
  });
});

describe('a dial, where connection events are fail-closed', () => {
  async function welcomed(): Promise<DialRig<HoldingAudit> & { dialled: ReturnType<DialRig['dial']>; say(...kinds: number[]): void; state: { ready: boolean } }> {
    const rig = dialRigWith(new HoldingAudit(['connection'], ['auth.succeeded']));
    const dialled = rig.dial();
    const state = { ready: false };
    dialled.then(() => (state.ready = true), () => {});
    const far = await answerHandshake(rig);
    const say = (...kinds: number[]): void => rig.connection.onMessage(far.seal(0, kinds.map((kind) => message(kind, 0))));
    say(welcome);
    await rig.audit.reached('auth.succeeded');
    return { ...rig, dialled, say, state };
  }
  const failures = (audit: HoldingAudit): unknown[] => audit.having('connection.failed').map(({ details }) => details.metadata?.['reason']);

  test('gives a session once auth.succeeded is held', async () => {
    const { audit, clock, dialled, journal, state } = await welcomed();
    await turns();
    expect([state.ready, journal.successful]).toEqual([false, 0]);
    await audit.hold('auth.succeeded');
    expect((await dialled).isOpen).toBe(true);
    expect([journal.successful, journal.failed, audit.said]).toEqual([1, 0, ['hold auth.succeeded', 'connection.open']]);
    // The keep-alive's alone.
    expect(clock.pendingTimers).toBe(1);
  });

  test('fails, counted, and says goodbye where no durable sink takes it', async () => {
    const { audit, clock, connection, dialled, journal } = await welcomed();
    const failed = rejection(dialled);
    await audit.refuse('auth.succeeded');
    expect(await failed).toMatchObject({ reason: 'audit_unavailable', mayHaveRun: false });
    expect([connection.closed, failures(audit), journal.failed, journal.handshakes]).toEqual(['closed', ['audit_unavailable'], 1, { audit_unavailable: 1 }]);
    expect(audit.having('connection.open')).toEqual([]);
    journal.flush();
    expect(clock.pendingTimers).toBe(0);
  });

  test("fails at the end of the handshake's time where none answers", async () => {
    const { audit, clock, connection, dialled, journal } = await welcomed();
    const failed = rejection(dialled);
    await clock.advance(5_000);
    expect(await failed).toMatchObject({ reason: 'audit_unavailable' });
    expect(connection.closed).toBe('closed');
    await audit.hold('auth.succeeded');
    expect([audit.having('connection.open'), journal.successful]).toEqual([[], 0]);
  });

  test.each([
    ['hangs up', 'connection_lost', (rig: Awaited<ReturnType<typeof welcomed>>) => hangUp(rig)],
    ['closes', 'connection_lost', (rig: Awaited<ReturnType<typeof welcomed>>) => rig.say(goAway, close)],
    ['answers what was not asked', 'protocol_violation', (rig: Awaited<ReturnType<typeof welcomed>>) => rig.say(request)],
  ])('the peer %s meanwhile: %s, and no session', async (_what, reason, act) => {
    const rig = await welcomed();
    const failed = rejection(rig.dialled);
    act(rig);
    expect(await failed).toMatchObject({ reason });
    await rig.audit.hold('auth.succeeded');
    expect([failures(rig.audit), rig.audit.having('connection.open')]).toEqual([[reason], []]);
  });

  test('an answer to nothing meanwhile is nobody\'s trouble', async () => {
    const { audit, dialled, say } = await welcomed();
    say(response);
    await audit.hold('auth.succeeded');
    expect((await dialled).isOpen).toBe(true);
  });

  test('an abort meanwhile ends it, unjournalled as any other', async () => {
    const { abort, audit, clock, connection, dialled } = await welcomed();
    const failed = rejection(dialled);
    abort.abort();
    await failed;
    await audit.hold('auth.succeeded');
    expect([connection.closed, audit.said, clock.pendingTimers]).toEqual(['closed', ['hold auth.succeeded'], 0]);
  });

  test('a session that is told to drain meanwhile is never given', async () => {
    const { audit, dialled, say } = await welcomed();
    say(goAway);
    const failed = rejection(dialled);
    await audit.hold('auth.succeeded');
    expect(await failed).toMatchObject({ reason: 'connection_lost' });
  });
});

describe('sessions, where key_rotation events are fail-closed', () => {
  /** Keys of the sessions of one service that change when a test says so. */
  function rekeyings(): { readonly hooks: PlainHooks; readonly made: FakeRekeying[]; readonly channels: PlainChannel[] } {
    const made: FakeRekeying[] = [];
    const channels: PlainChannel[] = [];
    return { made, channels, hooks: { onChannel: (channel) => void (made.push(new FakeRekeying(channel, new FakeClock())), channels.push(channel)) } };
  }
  const retired = (audit: HoldingAudit): number => audit.having('key.retired').length;

  describe('who dials in', () => {
    async function proven(audit: HoldingAudit): Promise<InboundRig & { audit: HoldingAudit; stranger: Stranger; made: FakeRekeying[]; channels: PlainChannel[] }> {
      const { hooks, made, channels } = rekeyings();
      const rig = inboundRig(audit, { hooks });
      const stranger = rig.come();
      stranger.speak();
      stranger.finish();
      await audit.reached('key.activated');
      return { ...rig, audit, stranger, made, channels };
    }

    test('is welcomed once the key.activated of its first key is held', async () => {
      const { audit, sessions, stranger } = await proven(new HoldingAudit(['key_rotation'], ['key.activated']));
      expect([await stranger.heard(), sessions.sessions()]).toEqual([[], []]);
      await audit.hold('key.activated');
      expect(await stranger.heard()).toEqual([[welcome, 0]]);
      expect(audit.said).toEqual(['auth.succeeded', 'hold key.activated', 'connection.open']);
    });

    test.each([['auth.succeeded', 'key.activated'], ['key.activated', 'auth.succeeded']])('both fail-closed: waits for both, %s first', async (first, second) => {
      const { audit, sessions, stranger } = await proven(new HoldingAudit(['connection', 'key_rotation'], ['auth.succeeded', 'key.activated']));
      await audit.hold(first);
      expect([await stranger.heard(), sessions.sessions()]).toEqual([[], []]);
      await audit.hold(second);
      expect(await stranger.heard()).toEqual([[welcome, 0]]);
      expect(audit.said).toEqual(['hold auth.succeeded', 'hold key.activated', 'connection.open']);
    });

    test('is refused where no durable sink takes it, and its key has an end', async () => {
      const { audit, sessions, journal, clock, stranger } = await proven(new HoldingAudit(['key_rotation'], ['key.activated']));
      await audit.refuse('key.activated');
      expect([stranger.connection.closed, sessions.sessions(), retired(audit), journal.handshakes]).toEqual(['terminated', [], 1, { audit_unavailable: 1 }]);
      expect(audit.having('connection.refused')[0]?.details.error).toContain('key.activated');
      journal.flush();
      expect(clock.pendingTimers).toBe(0);
    });

    test('is refused where the own static key was compromised meanwhile, though its key.activated is held', async () => {
      const { audit, sessions, stranger, channels } = await proven(new HoldingAudit(['key_rotation'], ['key.activated']));
      (channels[0] as PlainChannel).revoked = true;
      await audit.hold('key.activated');
      expect([stranger.connection.closed, sessions.sessions(), retired(audit), audit.having('connection.open')]).toEqual(['terminated', [], 1, []]);
      expect(audit.having('connection.refused')[0]?.details.metadata).toMatchObject({ reason: 'session_closed' });
    });

    test("is refused at the end of the handshake's time where none answers", async () => {
      const { audit, sessions, clock, stranger } = await proven(new HoldingAudit(['key_rotation'], ['key.activated']));
      await clock.advance(5_000);
      await audit.hold('key.activated');
      expect([stranger.connection.closed, sessions.sessions(), retired(audit)]).toEqual(['terminated', [], 1]);
    });

    test('loses its session where no durable sink takes its key.rotated', async () => {
      const { audit, sessions, stranger, made } = await proven(new HoldingAudit(['key_rotation'], ['key.activated', 'key.rotated']));
      await audit.hold('key.activated');
      made[0]?.rotate();
      await audit.reached('key.rotated');
      expect([sessions.sessions().length, stranger.connection.closed]).toEqual([1, 'open']);
      await audit.refuse('key.rotated');
      expect([sessions.sessions(), stranger.connection.closed]).toEqual([[], 'terminated']);
      expect(audit.having('session.failed')[0]?.details.metadata).toMatchObject({ direction: 'inbound', reason: 'audit_unavailable' });
      expect(retired(audit)).toBe(1);
    });
  });

  describe('a dial', () => {
    async function welcomed(audit: HoldingAudit): Promise<DialRig<HoldingAudit> & { dialled: ReturnType<DialRig['dial']>; made: FakeRekeying[] }> {
      const { hooks, made } = rekeyings();
      const rig = dialRigWith(audit, hooks);
      const dialled = rig.dial();
      const far = await answerHandshake(rig);
      rig.connection.onMessage(far.seal(0, [message(welcome, 0)]));
      await audit.reached('key.activated');
      return { ...rig, dialled, made };
    }

    test('gives a session once the key.activated of its first key is held', async () => {
      const { audit, dialled, journal } = await welcomed(new HoldingAudit(['key_rotation'], ['key.activated']));
      expect(journal.successful).toBe(0);
      await audit.hold('key.activated');
      expect((await dialled).isOpen).toBe(true);
      expect(audit.said).toEqual(['auth.succeeded', 'hold key.activated', 'connection.open']);
    });

    test.each(['refused', 'not answered'])('fails where it is %s, and its key has an end', async (how) => {
      const { audit, clock, connection, dialled, journal } = await welcomed(new HoldingAudit(['key_rotation'], ['key.activated']));
      const failed = rejection(dialled);
      if (how === 'refused') await audit.refuse('key.activated');
      else await clock.advance(5_000);
      expect(await failed).toMatchObject({ reason: 'audit_unavailable', mayHaveRun: false, message: expect.stringContaining('key.activated') });
      expect([connection.closed, retired(audit), audit.having('connection.open')]).toEqual(['closed', 1, []]);
      journal.flush();
    });

    test('a key.rotated that no durable sink takes within 10 s ends the session, and the calls that wait learn it', async () => {
      const { audit, clock, connection, dialled, events, made } = await welcomed(new HoldingAudit(['key_rotation'], ['key.activated', 'key.rotated']));
      await audit.hold('key.activated');
      const session = await dialled;
      const call = new IdleCall();
      session.send(call, 30_000);
      made[0]?.rotate();
      await audit.reached('key.rotated');
      await clock.advance(9_999);
      expect([connection.closed, call.failure]).toEqual(['open', undefined]);
      await clock.advance(1);
      await turns();
      expect([connection.closed, events]).toEqual(['terminated', ['failed']]);
      expect(call.failure).toMatchObject({ reason: 'connection_lost', mayHaveRun: true, cause: { reason: 'audit_unavailable' }, message: expect.stringContaining('audit_unavailable') });
      expect(audit.having('session.failed')[0]?.details.metadata).toMatchObject({ direction: 'outbound', reason: 'audit_unavailable' });
      expect(retired(audit)).toBe(1);
    });

    test('a dial that ends before the welcome leaves no trace of keys; one whose keys changed before it leaves all', async () => {
      for (const rotates of [false, true]) {
        const { hooks, made } = rekeyings();
        const rig = dialRigWith(new HoldingAudit([], []), hooks);
        const failed = rejection(rig.dial());
        await answerHandshake(rig);
        if (rotates) made[0]?.rotate();
        hangUp(rig);
        expect(await failed).toMatchObject({ reason: 'handshake_rejected' });
        expect(rig.audit.said.filter((action) => action.startsWith('key.'))).toEqual(rotates ? ['key.activated', 'key.rotated', 'key.retired'] : []);
      }
    });
  });
});
