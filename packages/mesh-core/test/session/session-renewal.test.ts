import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type ChannelRekeying, type RekeyTrigger, type SessionsRotated } from '@lemur-bookstores/mesh-interface';
import { InboundSession } from '../../src/session/inbound-session.js';
import type { LiveSession } from '../../src/session/live-session.js';
import { OutboundSession } from '../../src/session/outbound-session.js';
import { SessionRenewal } from '../../src/session/session-renewal.js';
import { MessageKind } from '../../src/wire/message.js';
import { IdleCall } from '../support/idle-call.js';
import { SessionRig } from '../support/session-rig.js';
import { message, turns } from '../support/wire.js';

const { welcome, goAway } = MessageKind;

interface Member<L extends LiveSession> {
  readonly live: L;
  readonly rig: SessionRig;
  /** What was asked of its owner, and when, in ms. */
  readonly events: string[];
  /** With what it was asked to rekey. */
  readonly rekeys: RekeyTrigger[];
}

/** A node's sessions, each with its far end in the test's hand. */
class Node {
  readonly clock = new FakeClock();
  readonly live = new Set<LiveSession>();
  readonly renewal: SessionRenewal;

  constructor(random: () => number = () => 0.5) {
    this.renewal = new SessionRenewal({ clock: this.clock, sessionTimeoutMs: 86_400_000, drainMs: 10_000, sessions: () => [...this.live].filter(({ session }) => session.state !== 'closed'), random });
  }

  outbound(peer = 'server', rekeys?: boolean): Member<OutboundSession> {
    const events: string[] = [];
    const live: OutboundSession = new OutboundSession({
      onReady: () => {},
      onRotated: () => this.renewal.rotated(live),
      onSpent: () => {},
      onVerified: () => {},
      onDraining: () => {},
      onRenew: (cause) => void events.push(`renew ${cause} ${this.clock.monotonic()}`),
      onEnd: () => this.#ended(live, events),
    }, 10);
    return this.#open(live, new SessionRig('initiator', live), peer, events, rekeys);
  }

  inbound(peer = 'client', rekeys?: boolean): Member<InboundSession> {
    const events: string[] = [];
    const live: InboundSession = new InboundSession({ onRequest: (session, _flags, id) => void session.calls.set(id, { cancel: () => {} } as never), onRefused: () => {} }, 10, {
      onRotated: () => this.renewal.rotated(live),
      onSpent: () => {},
      onEnd: () => this.#ended(live, events),
    });
    return this.#open(live, new SessionRig('responder', live), peer, events, rekeys);
  }

  #open<L extends LiveSession>(live: L, rig: SessionRig, peer: string, events: string[], rekeys = true): Member<L> {
    const asked: RekeyTrigger[] = [];
    Object.assign(rig.near.peer, { id: `spiffe://test/${peer}` });
    let drained = false;
    const rekey = (trigger: RekeyTrigger): boolean => !drained && asked.push(trigger) > 0;
    if (rekeys) Object.assign(rig.near, { rekeying: { start: () => {}, rekey, drain: () => (drained = true) } as Partial<ChannelRekeying> });
    live.attach(rig.session as never);
    if (live instanceof OutboundSession) rig.feed(message(welcome, 0));
    Object.assign(rig.session, { openedAt: this.clock.monotonic() });
    this.live.add(live);
    this.renewal.opened(live);
    return { live, rig, events, rekeys: asked };
  }

  #ended(live: LiveSession, events: string[]): void {
    events.push(`end ${this.clock.monotonic()}`);
    this.renewal.ended(live);
  }

  /** What a promise came to, once it did, and when. */
  watch(promise: Promise<SessionsRotated>): { readonly at: number | undefined; readonly value: SessionsRotated | undefined } {
    const seen: { at: number | undefined; value: SessionsRotated | undefined } = { at: undefined, value: undefined };
    void promise.then((value) => Object.assign(seen, { at: this.clock.monotonic(), value }));
    return seen;
  }
}

const rotated = ({ live }: Member<LiveSession>): void => live.onRotated({} as never);
const cut = ({ rig }: Member<LiveSession>): void => rig.connection.onEnd({});

describe('rekeySessions', () => {
  test('asks every session that takes calls, in a turn of its own, and resolves once each has new keys', async () => {
    const node = new Node();
    const [one, two] = [node.outbound(), node.inbound()];
    const seen = node.watch(node.renewal.rekeySessions('manual', 10_000));
    expect([one.rekeys, two.rekeys]).toEqual([[], []]);
    await node.clock.advance(0);
    expect([one.rekeys, two.rekeys]).toEqual([['manual'], ['manual']]);
    rotated(one);
    await node.clock.advance(100);
    expect(seen.value).toBeUndefined();
    rotated(two);
    await turns();
    expect([seen, node.clock.pendingTimers]).toEqual([{ at: 100, value: { rotated: 2, ended: 0, left: 0 } }, 2]);
  });

  test('does not count sessions that opened later, nor one twice', async () => {
    const node = new Node();
    const one = node.outbound();
    const other = node.inbound();
    const seen = node.watch(node.renewal.rekeySessions('manual', 10_000));
    const later = node.outbound();
    await node.clock.advance(0);
    expect(later.rekeys).toEqual([]);
    rotated(later);
    rotated(one);
    rotated(one);
    await turns();
    expect(seen.value).toBeUndefined();
    cut(other);
    await turns();
    expect(seen.value).toEqual({ rotated: 1, ended: 1, left: 0 });
  });

  test('resolves when its time is up, with what is left', async () => {
    const node = new Node();
    node.outbound();
    node.inbound('old build', false);
    const seen = node.watch(node.renewal.rekeySessions('interval', 10_000));
    await node.clock.advance(9_999);
    expect(seen.value).toBeUndefined();
    await node.clock.advance(1);
    expect(seen).toEqual({ at: 10_000, value: { rotated: 0, ended: 0, left: 2 } });
  });

  test('does not count one that drains before it is asked, nor asks it', async () => {
    const node = new Node();
    const [one, other] = [node.outbound(), node.outbound()];
    const seen = node.watch(node.renewal.rekeySessions('manual', 10_000));
    one.live.session.drain();
    await node.clock.advance(0);
    rotated(other);
    await turns();
    expect([one.rekeys, seen.value]).toEqual([[], { rotated: 1, ended: 0, left: 0 }]);
  });

  test('one that fails as it is asked has ended', async () => {
    const node = new Node();
    const one = node.outbound();
    Object.assign(one.live.session.channel.rekeying as object, { rekey: () => { one.rig.session.fail(new MeshError('record_invalid', 'x')); return false; } });
    const seen = node.watch(node.renewal.rekeySessions('manual', 10_000));
    await node.clock.advance(0);
    expect(seen.value).toEqual({ rotated: 0, ended: 1, left: 0 });
  });

  test('without sessions resolves at once; so it does when the node stops', async () => {
    const node = new Node();
    const none = node.watch(node.renewal.rekeySessions('manual', 10_000));
    await node.clock.advance(0);
    expect(none).toEqual({ at: 0, value: { rotated: 0, ended: 0, left: 0 } });
    node.outbound();
    const some = node.watch(node.renewal.rekeySessions('manual', 10_000));
    node.renewal.stop();
    await node.clock.advance(20_000);
    expect([some, node.clock.pendingTimers]).toEqual([{ at: 0, value: { rotated: 0, ended: 0, left: 1 } }, 0]);
  });
});

describe('renewSessions', () => {
  test.each([[0, 0, 5_000], [0.5, 2_500, 7_000], [1, 5_000, 9_000]])('spreads diallers over the first half of the window, GOAWAYs over the second (drawn: %s)', async (random, dialAt, goAwayAt) => {
    const node = new Node(() => random);
    const [out, inn] = [node.outbound(), node.inbound()];
    void node.renewal.renewSessions('manual', 10_000);
    await node.clock.advance(goAwayAt - 1);
    expect(inn.events).toEqual([]);
    await node.clock.advance(1);
    expect([out.events, inn.events]).toEqual([[`renew key_rotation ${dialAt}`], [`end ${goAwayAt}`]]);
    expect(await inn.rig.readKinds()).toContain(goAway);
  });

  test('resolves as soon as every session has been replaced', async () => {
    const node = new Node();
    node.outbound();
    node.inbound();
    const seen = node.watch(node.renewal.renewSessions('manual', 10_000));
    await node.clock.advance(3_000);
    node.outbound();
    await node.clock.advance(1_000);
    expect(seen.value).toBeUndefined();
    node.inbound();
    await turns();
    expect(seen).toEqual({ at: 4_000, value: { rotated: 2, ended: 0, left: 0 } });
  });

  test('a peer that dialled anew is not sent away on its new session, only on the old one', async () => {
    const node = new Node();
    const old = node.inbound();
    void node.renewal.renewSessions('manual', 10_000);
    await node.clock.advance(3_000);
    const anew = node.inbound();
    await node.clock.advance(60_000);
    expect([old.events, anew.events]).toEqual([['end 7000'], []]);
  });

  test('another peer, or the other direction, replaces nothing', async () => {
    const node = new Node();
    node.inbound('client');
    const seen = node.watch(node.renewal.renewSessions('manual', 10_000));
    node.inbound('stranger');
    node.outbound('client');
    await node.clock.advance(10_000);
    expect(seen).toEqual({ at: 10_000, value: { rotated: 0, ended: 1, left: 0 } });
  });

  test('what has not been replaced when the window ends takes no calls any more, and ends after its last answer', async () => {
    const node = new Node();
    const out = node.outbound();
    const call = new IdleCall();
    out.live.send(call, 60_000);
    const seen = node.watch(node.renewal.renewSessions('manual', 10_000));
    await node.clock.advance(9_999);
    expect(out.live.isOpen).toBe(true);
    await node.clock.advance(1);
    expect([out.live.isOpen, out.events, seen]).toEqual([false, ['renew key_rotation 2500'], { at: 10_000, value: { rotated: 0, ended: 0, left: 1 } }]);
    await node.clock.advance(10_000);
    out.rig.feed(message(MessageKind.response, call.id));
    expect([out.events.at(-1), call.failure, node.clock.pendingTimers]).toEqual(['end 20000', undefined, 0]);
  });

  test('a call that is in flight for ever ends with the time of its session', async () => {
    const node = new Node();
    const out = node.outbound();
    const call = new IdleCall();
    out.live.send(call, 60_000);
    void node.renewal.renewSessions('manual', 10_000);
    await node.clock.advance(86_400_000);
    expect([out.live.isOpen, call.failure]).toEqual([false, undefined]);
    await node.clock.advance(10_000);
    expect([out.events.at(-1), call.failure?.mayHaveRun, node.clock.pendingTimers]).toEqual(['end 86410000', true, 0]);
  });

  test('a session that is draining already is left to its drain', async () => {
    const node = new Node();
    const old = node.outbound();
    old.live.send(new IdleCall(), 60_000);
    old.live.retire(() => {});
    const seen = node.watch(node.renewal.renewSessions('manual', 10_000));
    await turns();
    expect(seen.value).toEqual({ rotated: 0, ended: 0, left: 0 });
    await node.clock.advance(20_000);
    expect(old.events).toEqual([]);
  });

  test('two at the same time disturb each other as little as anybody', async () => {
    const node = new Node();
    node.outbound();
    const first = node.watch(node.renewal.renewSessions('manual', 10_000));
    await node.clock.advance(1_000);
    const second = node.watch(node.renewal.renewSessions('certificate', 10_000));
    await node.clock.advance(1_000);
    const next = node.outbound();
    await turns();
    expect([first.value, second.value]).toEqual([{ rotated: 1, ended: 0, left: 0 }, { rotated: 1, ended: 0, left: 0 }]);
    await node.clock.advance(60_000);
    expect(next.events).toEqual([]);
  });

  test('the node stops: it resolves', async () => {
    const node = new Node();
    node.inbound();
    const seen = node.watch(node.renewal.renewSessions('manual', 10_000));
    for (const { session } of node.live) session.close();
    node.renewal.stop();
    await turns();
    expect([seen.value, node.clock.pendingTimers]).toEqual([{ rotated: 0, ended: 1, left: 0 }, 0]);
  });

  describe('after a compromise', () => {
    test('begins everywhere at once, and closes at the end what still has the old keys, calls in flight included', async () => {
      const node = new Node();
      const [out, inn, draining] = [node.outbound(), node.inbound(), node.outbound('other')];
      const call = new IdleCall();
      for (const { live } of [out, draining]) live.send(live === out.live ? call : new IdleCall(), 60_000);
      draining.live.retire(() => {});
      inn.live.calls.set(1, { cancel: () => {} } as never);
      const seen = node.watch(node.renewal.renewSessions('compromise', 10_000));
      await node.clock.advance(0);
      expect(out.events).toEqual(['renew compromise 0']);
      expect(await inn.rig.readKinds()).toContain(goAway);
      await node.clock.advance(9_999);
      expect(seen.value).toBeUndefined();
      await node.clock.advance(1);
      expect([out, inn, draining].map(({ events }) => events.at(-1))).toEqual(['end 10000', 'end 10000', 'end 10000']);
      expect([call.failure?.reason, seen]).toEqual(['connection_lost', { at: 10_000, value: { rotated: 0, ended: 3, left: 0 } }]);
    });

    test('resolves only when the old sessions are gone', async () => {
      const node = new Node();
      const out = node.outbound();
      const seen = node.watch(node.renewal.renewSessions('compromise', 10_000));
      await node.clock.advance(10);
      node.outbound();
      await node.clock.advance(10);
      expect(seen.value).toBeUndefined();
      out.live.retire(() => {});
      await turns();
      expect(seen).toEqual({ at: 20, value: { rotated: 1, ended: 0, left: 0 } });
    });
  });
});

test('a session is renewed in time as well, and its timers end with it', async () => {
  const node = new Node(() => 0);
  const out = node.outbound();
  await node.clock.advance(0.85 * 86_400_000);
  expect(out.events).toEqual(['renew session_timeout 73440000']);
  out.rig.session.close();
  expect(node.clock.pendingTimers).toBe(0);
});

test('one that ended before it was said to stand leaves nothing behind', () => {
  const node = new Node();
  const { live } = node.inbound();
  live.session.close();
  node.renewal.opened(live);
  expect(node.clock.pendingTimers).toBe(0);
});
