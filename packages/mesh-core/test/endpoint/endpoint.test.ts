import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import { Endpoint } from '../../src/endpoint/endpoint.js';
import { FakeDialer, type Dialled } from '../support/fake-dialer.js';
import { IdleCall } from '../support/idle-call.js';
import { ScriptedBreaker } from '../support/scripted-breaker.js';
import { message, turns } from '../support/wire.js';

const down = new MeshError('connect_failed', 'nobody');
const untrusted = new MeshError('peer_untrusted', 'foreign');

function rig(node: Partial<ServiceNode> = {}, breaker?: ScriptedBreaker): { clock: FakeClock; dialer: FakeDialer; endpoint: Endpoint; events: string[] } {
  const clock = new FakeClock();
  const dialer = new FakeDialer(clock);
  const events: string[] = [];
  const listener = { onConnected: () => void events.push('connected'), onDisconnected: () => void events.push('disconnected'), onFailed: (_endpoint: Endpoint, { reason }: MeshError) => void events.push(reason) };
  const endpoint = new Endpoint({ id: 'server', host: 'h', port: 1, ...node }, dialer.asDialer, clock, { initialMs: 100, maxMs: 5_000 }, listener, breaker);
  return { clock, dialer, endpoint, events };
}

describe('endpoint', () => {
  test('dials when started, once', async () => {
    const { clock, dialer, endpoint, events } = rig();
    expect(endpoint.state.type).toBe('stopped');
    endpoint.start();
    endpoint.start();
    expect(endpoint.state.type).toBe('dialling');
    expect(endpoint.session).toBeUndefined();
    await clock.advance(0);
    expect([dialer.attempts.length, events]).toEqual([1, ['connected']]);
    expect(endpoint.session).toBe(dialer.session(1).outbound);
  });

  test.each([['one', 'a', ['a']], ['several', ['a', 'b'], ['a', 'b']], ['none', undefined, undefined]])('hands on %s pin(s)', (_name, publicKey, pins) => {
    const { dialer, endpoint } = rig(publicKey === undefined ? {} : { publicKey });
    endpoint.start();
    expect(dialer.attempts[0]?.pins).toEqual(pins);
  });

  test('dials again for ever, after waits that grow to the cap, each jittered', async () => {
    const { clock, dialer, endpoint, events } = rig();
    dialer.outcomes.set(1, down);
    endpoint.start();
    await clock.advance(10 * 60_000);
    const waits = dialer.attempts.slice(1).map(({ at }, index) => at - (dialer.attempts[index]?.at ?? 0));
    [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].forEach((full, index) => {
      expect(waits[index]).toBeGreaterThanOrEqual(full / 2);
      expect(waits[index]).toBeLessThanOrEqual(full);
    });
    expect(dialer.attempts.length).toBeGreaterThan(110);
    expect(new Set(waits.map(Math.round)).size).toBeGreaterThan(20);
    expect(new Set(events)).toEqual(new Set(['connect_failed']));
    dialer.outcomes.delete(1);
    await clock.advance(5_000);
    expect(endpoint.session).toBeDefined();
  });

  test('a dial that hung has waited by itself: from start to start it is one step', async () => {
    const { clock, dialer, endpoint } = rig();
    dialer.dialMs = 5_000;
    dialer.outcomes.set(1, down);
    endpoint.start();
    await clock.advance(60_000);
    const waits = dialer.attempts.slice(1).map(({ at }, index) => at - (dialer.attempts[index]?.at ?? 0));
    expect(waits).toEqual(waits.map(() => 5_000));
    expect(waits).toHaveLength(12);
  });

  test('its breaker hears that it is there again: where it was not connected, and not where a session is replaced', async () => {
    const breaker = new ScriptedBreaker();
    const { clock, dialer, endpoint } = rig({}, breaker);
    endpoint.start();
    await clock.advance(0);
    endpoint.renew('key_rotation');
    await clock.advance(0);
    expect([dialer.attempts.length, breaker.returns]).toEqual([2, 1]);
    dialer.session(1).rig.connection.onEnd({});
    await clock.advance(100);
    expect([dialer.attempts.length, breaker.returns]).toEqual([3, 2]);
  });

  test.each([['cut', 'disconnected'], ['told to go away', 'disconnected']])('a session that is %s is dialled anew', async (how) => {
    const { clock, dialer, endpoint, events } = rig();
    endpoint.start();
    await clock.advance(0);
    const { rig: far } = dialer.session(1);
    if (how === 'cut') far.connection.onEnd({});
    else far.feed(message(MessageKind.goAway, 0));
    expect(endpoint.session).toBeUndefined();
    expect(events).toEqual(['connected', 'connection_lost', 'disconnected']);
    await clock.advance(100);
    expect([dialer.attempts.length, events.at(-1)]).toEqual([2, 'connected']);
  });

  test('a session that lived for 5 s resets the backoff, one that did not does not', async () => {
    const { clock, dialer, endpoint } = rig();
    endpoint.start();
    for (let i = 0; i < 6; i++) {
      await clock.advance(i === 0 ? 0 : 5_000 - 1);
      if (endpoint.session !== undefined) dialer.session(1).rig.connection.onEnd({});
    }
    const flapping = dialer.attempts.length;
    await clock.advance(500);
    expect(dialer.attempts.length).toBe(flapping);
    await clock.advance(5_000);
    await clock.advance(5_000);
    const before = dialer.attempts.length;
    dialer.session(1).rig.connection.onEnd({});
    await clock.advance(100);
    expect(dialer.attempts.length).toBe(before + 1);
  });

  test('one result of a call resets it as well: what is killed and started again every second is found again as soon as it is there', async () => {
    const { clock, dialer, endpoint } = rig();
    endpoint.start();
    await clock.advance(0);
    for (let life = 1; life <= 20; life++) {
      endpoint.load.ended(1, clock.monotonic(), undefined);
      dialer.session(1).rig.connection.onEnd({});
      expect(endpoint.session).toBeUndefined();
      await clock.advance(100);
      expect(endpoint.session).toBeDefined();
    }
    // Another failure proves nothing, nor what a session before had.
    endpoint.load.ended(1, clock.monotonic(), down);
    for (let life = 1; life <= 6; life++) {
      dialer.session(1).rig.connection.onEnd({});
      await clock.advance(5_000 - 1);
    }
    dialer.session(1).rig.connection.onEnd({});
    await clock.advance(500);
    expect(endpoint.session).toBeUndefined();
    await endpoint.stop(0);
  });

  test('remembers why it is not connected, also while it dials again', async () => {
    const { clock, dialer, endpoint } = rig();
    dialer.outcomes.set(1, untrusted);
    endpoint.start();
    expect(endpoint.error).toBeUndefined();
    await clock.advance(0);
    expect(endpoint.error).toBe(untrusted);
    dialer.outcomes.set(1, 'hangs');
    await clock.advance(100);
    expect([endpoint.state.type, endpoint.error]).toEqual(['dialling', untrusted]);
  });

  test('stop() ends a wait', async () => {
    const { clock, dialer, endpoint } = rig();
    dialer.outcomes.set(1, down);
    endpoint.start();
    await clock.advance(10);
    await endpoint.stop(10_000);
    await clock.advance(60_000);
    expect([dialer.attempts.length, clock.pendingTimers]).toEqual([1, 0]);
  });

  test('stop() ends a dial under way', async () => {
    const { clock, dialer, endpoint, events } = rig();
    dialer.outcomes.set(1, 'hangs');
    endpoint.start();
    await endpoint.stop(10_000);
    await clock.advance(60_000);
    expect([dialer.aborted, dialer.attempts.length, events]).toEqual([[1], 1, []]);
  });

  test('stop() lets calls in flight end, then closes', async () => {
    const { clock, dialer, endpoint } = rig();
    endpoint.start();
    await clock.advance(0);
    const { outbound, rig: far } = dialer.session(1);
    outbound.send(new IdleCall(), 1);
    let stopped = false;
    void endpoint.stop(10_000).then(() => (stopped = true));
    await clock.advance(5_000);
    expect([stopped, far.connection.closed]).toEqual([false, 'open']);
    far.feed(message(MessageKind.response, 1));
    await turns();
    expect([stopped, far.connection.closed]).toEqual([true, 'closed']);
    expect(dialer.attempts).toHaveLength(1);
  });

  test('stop() cuts at its limit what does not end', async () => {
    const { clock, dialer, endpoint } = rig();
    endpoint.start();
    await clock.advance(0);
    const call = new IdleCall();
    dialer.session(1).outbound.send(call, 1);
    let stopped = false;
    void endpoint.stop(10_000).then(() => (stopped = true));
    await clock.advance(10_000);
    expect(stopped).toBe(true);
    expect(call.failure).toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
  });

  test('stop() waits for a session that drains already, and may be asked twice: the shorter limit counts', async () => {
    const { clock, dialer, endpoint } = rig();
    endpoint.start();
    await clock.advance(0);
    const { outbound, rig: far } = dialer.session(1);
    const call = new IdleCall();
    outbound.send(call, 1);
    far.feed(message(MessageKind.goAway, 1));
    const stops: number[] = [];
    void endpoint.stop(10_000).then(() => stops.push(1));
    void endpoint.stop(1_000).then(() => stops.push(2));
    await clock.advance(999);
    expect(stops).toEqual([]);
    await clock.advance(1);
    expect(stops.sort()).toEqual([1, 2]);
    expect([call.failure?.reason, clock.pendingTimers]).toEqual(['connection_lost', 0]);
  });
});

/** Connected, with a call in flight. */
async function connected(): Promise<ReturnType<typeof rig> & { first: Dialled; call: IdleCall }> {
  const made = rig();
  made.endpoint.start();
  await made.clock.advance(0);
  const first = made.dialer.session(1);
  const call = new IdleCall();
  first.outbound.send(call, 60_000);
  return { ...made, first, call };
}

const renewal = ({ state }: Endpoint): string => (state.type === 'connected' ? state.renewal.type : state.type);

describe('renew()', () => {
  test('the session serves while another is dialled, which takes the calls once it is welcomed; then it ends after its last answer', async () => {
    const { clock, dialer, endpoint, events, first, call } = await connected();
    endpoint.renew('key_rotation');
    expect([endpoint.session === first.outbound, renewal(endpoint), first.outbound.isOpen]).toEqual([true, 'dialling', true]);
    await clock.advance(0);
    const second = dialer.session(1);
    expect(second).not.toBe(first);
    expect([endpoint.session === second.outbound, renewal(endpoint)]).toEqual([true, 'none']);
    expect([first.outbound.isOpen, first.rig.connection.closed, endpoint.sessions]).toEqual([false, 'open', [second.outbound, first.outbound]]);
    first.rig.feed(message(MessageKind.response, call.id));
    await turns();
    expect([first.rig.connection.closed, call.failure, endpoint.sessions]).toEqual(['closed', undefined, [second.outbound]]);
    expect(first.outbound.session.retiredFor).toBe('key_rotation');
    expect([events, clock.pendingTimers]).toEqual([['connected', 'connected'], 0]);
  });

  test('another session to the same instance is no new start, and what is known of it is kept; one that was lost is', async () => {
    const { clock, dialer, endpoint, first } = await connected();
    first.outbound.outcomes?.ended(70, clock.monotonic(), undefined);
    const { since } = endpoint.load;
    await clock.advance(6_000);
    endpoint.renew('key_rotation');
    await clock.advance(0);
    const second = dialer.session(1).outbound;
    expect(second).not.toBe(first.outbound);
    expect([second.outcomes === endpoint.load, endpoint.load.since, endpoint.load.latency.known]).toEqual([true, since, true]);
    second.session.close();
    await clock.advance(1_000);
    expect(endpoint.session).toBeDefined();
    expect(endpoint.load.since).toBeGreaterThanOrEqual(since + 6_000);
    expect(endpoint.load.latency.known).toBe(false);
  });

  test('cuts no call, however long it takes: each has a deadline of its own', async () => {
    const { clock, endpoint, first, call } = await connected();
    endpoint.renew('key_rotation');
    await clock.advance(600_000);
    expect([first.rig.connection.closed, call.failure]).toEqual(['open', undefined]);
    first.rig.feed(message(MessageKind.response, call.id));
    await turns();
    expect([first.rig.connection.closed, call.failure]).toEqual(['closed', undefined]);
  });

  test('is one dial at a time, however often it is asked for', async () => {
    const { clock, dialer, endpoint, first } = await connected();
    dialer.outcomes.set(1, 'hangs');
    endpoint.renew('key_rotation');
    first.outbound.renew('session_timeout');
    endpoint.renew('key_rotation');
    await clock.advance(60_000);
    expect(dialer.attempts).toHaveLength(2);
  });

  test('a dial that fails changes nothing, and is repeated after growing waits', async () => {
    const { clock, dialer, endpoint, events, first } = await connected();
    dialer.outcomes.set(1, down);
    endpoint.renew('key_rotation');
    await clock.advance(0);
    expect([endpoint.session === first.outbound, renewal(endpoint), endpoint.error]).toEqual([true, 'waiting', undefined]);
    endpoint.renew('key_rotation');
    await clock.advance(60_000);
    const attempts = dialer.attempts.length;
    expect(attempts).toBeGreaterThan(10);
    expect(attempts).toBeLessThan(40);
    expect([events, first.outbound.isOpen]).toEqual([['connected'], true]);
    dialer.outcomes.delete(1);
    await clock.advance(5_000);
    expect([dialer.attempts.length, endpoint.session === dialer.session(1).outbound, renewal(endpoint)]).toEqual([attempts + 1, true, 'none']);
  });

  test('regression: a session whose keys will not be replaced serves until another takes its place, however often that dial fails (PROTOCOL 3.8)', async () => {
    const { clock, dialer, endpoint, events, first } = await connected();
    await clock.advance(60_000);
    dialer.outcomes.set(1, down);
    first.outbound.onSpent('no-answer', 'interval');
    await clock.advance(60_000);
    expect([endpoint.session === first.outbound, renewal(endpoint), events]).toEqual([true, 'waiting', ['connected']]);
    dialer.outcomes.delete(1);
    await clock.advance(5_000);
    expect([endpoint.session === dialer.session(1).outbound, first.outbound.isOpen]).toEqual([true, false]);
  });

  test('one whose keys seal nothing more by then gets no calls from then on', async () => {
    const { clock, dialer, endpoint, first } = await connected();
    await clock.advance(60_000);
    Object.assign(first.rig.near, { rekeying: { holds: true, drain: () => {} } });
    first.outbound.onSpent('no-answer', 'interval');
    expect([endpoint.session, endpoint.state.type, dialer.attempts.length]).toEqual([undefined, 'dialling', 2]);
    await clock.advance(0);
    expect(endpoint.session).toBe(dialer.session(1).outbound);
  });

  test('because of a compromise does not wait for what is left of such a wait', async () => {
    const { clock, dialer, endpoint, first } = await connected();
    dialer.outcomes.set(1, down);
    endpoint.renew('key_rotation');
    await clock.advance(60_000);
    const attempts = dialer.attempts.length;
    expect(renewal(endpoint)).toBe('waiting');
    dialer.outcomes.delete(1);
    endpoint.renew('compromise');
    await clock.advance(0);
    expect([dialer.attempts.length, renewal(endpoint), first.outbound.isOpen, first.outbound.session.retiredFor]).toEqual([attempts + 1, 'none', false, 'compromise']);
    await clock.advance(60_000);
    expect(dialer.attempts).toHaveLength(attempts + 1);
  });

  test.each(['renewed', 'dialled first'])('a session that is %s while the own static key is compromised is dialled again', async (how) => {
    const { clock, dialer, endpoint, first } = await connected();
    dialer.onConnected = ({ rig: far }) => void (far.near.revoked = true);
    if (how === 'renewed') endpoint.renew('key_rotation');
    else first.rig.connection.onEnd({});
    await clock.advance(how === 'renewed' ? 0 : 100);
    const refused = dialer.session(1);
    expect([refused === first, refused.rig.connection.closed, endpoint.session]).toEqual([false, 'closed', how === 'renewed' ? first.outbound : undefined]);
    dialer.onConnected = () => {};
    await clock.advance(1_000);
    expect([endpoint.session === dialer.session(1).outbound, dialer.session(1) === refused]).toEqual([true, false]);
  });

  test('without a session does nothing, nor of one that was replaced', async () => {
    const { clock, dialer, endpoint, first } = await connected();
    endpoint.renew('key_rotation');
    await clock.advance(0);
    first.outbound.renew('key_rotation');
    await clock.advance(60_000);
    expect(dialer.attempts).toHaveLength(2);
    dialer.outcomes.set(1, 'hangs');
    dialer.session(1).rig.connection.onEnd({});
    await clock.advance(200);
    endpoint.renew('key_rotation');
    expect([dialer.attempts.length, endpoint.state.type]).toEqual([3, 'dialling']);
  });

  test.each(['cut', 'told to go away'])('a session that is %s while another is dialled is replaced by that one', async (how) => {
    const { clock, dialer, endpoint, events, first, call } = await connected();
    endpoint.renew('key_rotation');
    if (how === 'cut') first.rig.connection.onEnd({});
    else first.rig.feed(message(MessageKind.goAway, call.id));
    expect([endpoint.state.type, endpoint.error?.reason]).toEqual(['dialling', 'connection_lost']);
    await clock.advance(60_000);
    expect([dialer.attempts.length, endpoint.session === dialer.session(1).outbound, events]).toEqual([2, true, ['connected', 'disconnected', 'connected']]);
  });

  test('a session that is lost while the next dial waits is dialled as after any loss', async () => {
    const { clock, dialer, endpoint, first } = await connected();
    dialer.outcomes.set(1, down);
    endpoint.renew('key_rotation');
    await clock.advance(0);
    first.rig.connection.onEnd({});
    expect([endpoint.state.type, clock.pendingTimers]).toEqual(['waiting', 1]);
  });

  test('one that ends, or is sent away, as soon as it is welcomed replaces nothing', async () => {
    const { clock, dialer, endpoint, first } = await connected();
    dialer.onConnected = ({ rig: far }) => far.feed(message(MessageKind.goAway, 0));
    endpoint.renew('key_rotation');
    await clock.advance(0);
    expect([endpoint.session === first.outbound, renewal(endpoint)]).toEqual([true, 'waiting']);
    dialer.onConnected = () => {};
    await clock.advance(100);
    expect(endpoint.session).toBe(dialer.session(1).outbound);
  });

  test.each([['under way', 'hangs' as const], ['that waits', down]])('stop() ends a renewal %s', async (_what, outcome) => {
    const { clock, dialer, endpoint } = await connected();
    dialer.outcomes.set(1, outcome);
    endpoint.renew('key_rotation');
    await clock.advance(0);
    void endpoint.stop(1_000);
    await clock.advance(60_000);
    expect([dialer.attempts.length, clock.pendingTimers, endpoint.sessions]).toEqual([2, 0, []]);
  });
});

describe('a session that is sent away', () => {
  test('after it has worked for a while, is replaced at once', async () => {
    const { clock, dialer, endpoint, events, first, call } = await connected();
    await clock.advance(5_000);
    first.rig.feed(message(MessageKind.goAway, call.id));
    expect([dialer.attempts.length, endpoint.state.type]).toEqual([2, 'dialling']);
    await clock.advance(0);
    expect([endpoint.session === dialer.session(1).outbound, events]).toEqual([true, ['connected', 'disconnected', 'connected']]);
  });

  test('by a peer that is not there any more, is dialled with growing waits', async () => {
    const { clock, dialer, first } = await connected();
    await clock.advance(5_000);
    dialer.outcomes.set(1, down);
    first.rig.feed(message(MessageKind.goAway, 0));
    await clock.advance(0);
    expect(dialer.attempts).toHaveLength(2);
    await clock.advance(49);
    expect(dialer.attempts).toHaveLength(2);
    await clock.advance(60_000);
    expect(dialer.attempts.length).toBeLessThan(40);
  });

  test('by a peer that sends everybody away, does not make a hot loop', async () => {
    const { clock, dialer, endpoint } = rig();
    dialer.onConnected = ({ rig: far }) => void clock.setTimeout(() => far.feed(message(MessageKind.goAway, 0)), 1);
    endpoint.start();
    await clock.advance(60_000);
    expect(dialer.attempts.length).toBeGreaterThan(10);
    expect(dialer.attempts.length).toBeLessThan(40);
  });
});
