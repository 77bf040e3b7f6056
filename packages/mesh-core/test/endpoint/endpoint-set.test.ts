import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type DiscoveryProvider, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import { EndpointSet } from '../../src/endpoint/endpoint-set.js';
import type { SessionWaiter } from '../../src/endpoint/session-waiter.js';
import type { OutboundSession } from '../../src/session/outbound-session.js';
import { FakeDialer } from '../support/fake-dialer.js';
import { IdleCall } from '../support/idle-call.js';
import { ScriptedBreakers } from '../support/scripted-breaker.js';
import { RecordingLogger, TestDiscovery } from '../support/nodes.js';
import { message } from '../support/wire.js';

const down = new MeshError('connect_failed', 'nobody');
const untrusted = new MeshError('peer_untrusted', 'foreign domain');
const node = (port: number): ServiceNode => ({ id: 'server', host: 'h', port });

class Waiter implements SessionWaiter {
  session: OutboundSession | undefined;
  error: MeshError | undefined;
  onSession(session: OutboundSession): void {
    this.session = session;
  }
  onNoSession(error: MeshError): void {
    this.error = error;
  }
}

interface Rig {
  readonly clock: FakeClock;
  readonly dialer: FakeDialer;
  readonly discovery: TestDiscovery;
  readonly logger: RecordingLogger;
  readonly set: EndpointSet;
  wait(): Waiter;
  now(): number;
}

function rig(nodes: readonly number[] = [], provider?: (discovery: TestDiscovery) => DiscoveryProvider, breakers?: ScriptedBreakers): Rig {
  const clock = new FakeClock();
  const dialer = new FakeDialer(clock);
  const discovery = new TestDiscovery();
  const logger = new RecordingLogger();
  for (const port of nodes) discovery.add(node(port));
  const set = new EndpointSet('server', { discovery: provider?.(discovery) ?? discovery, dialer: dialer.asDialer, clock, logger, strategy: 'round-robin', drainMs: 10_000, breakers });
  const wait = (): Waiter => {
    const waiter = new Waiter();
    set.wait(waiter);
    return waiter;
  };
  return { clock, dialer, discovery, logger, set, wait, now: () => clock.monotonic() };
}

async function started(nodes: readonly number[], breakers?: ScriptedBreakers): Promise<Rig> {
  const all = rig(nodes, undefined, breakers);
  all.set.start();
  await all.clock.advance(0);
  return all;
}

describe('when the last instance is gone', () => {
  test.each([
    ['that had answered calls: the others, whose waits are long by now, are dialled at once', true],
    ['that had answered none: the others keep to their waits', false],
  ])('%s', async (_what, answered) => {
    const { clock, dialer, set, wait, now } = await started([1, 2]);
    dialer.outcomes.set(1, down);
    dialer.session(1).rig.connection.onEnd({});
    await clock.advance(8_000);
    const before = dialer.attempts.length;
    while (dialer.attempts.length === before) await clock.advance(10);
    // It has just been dialled in vain, and is there again: its next dial is more than a second away.
    dialer.outcomes.delete(1);
    dialer.outcomes.set(2, down);
    const working = dialer.session(2);
    expect(set.pick(now())).toBe(working.outbound);
    if (answered) working.outbound.outcomes?.ended(1, now(), undefined);
    working.rig.connection.onEnd({});
    const waiter = wait();
    await clock.advance(100);
    expect(waiter.session !== undefined).toBe(answered);
    expect(dialer.attempts.slice(before).map(({ port }) => port)).toEqual(answered ? expect.arrayContaining([1, 1, 2]) : [1, 2]);
    await set.stop(0);
  });
});

describe('finding instances', () => {
  test('all that discovery knows are kept connected, and chosen among', async () => {
    const { set, dialer, now } = await started([1, 2, 3]);
    expect([set.known, set.sessions().length]).toEqual([3, 3]);
    const picked = new Set(Array.from({ length: 9 }, () => set.pick(now())));
    expect(picked).toEqual(new Set(dialer.sessions.map(({ outbound }) => outbound)));
  });

  test('does nothing before it is started, and is started by the first that waits', async () => {
    const { clock, dialer, discovery, wait } = rig([1]);
    await clock.advance(10_000);
    expect([dialer.attempts.length, discovery.discovers]).toEqual([0, 0]);
    const waiter = wait();
    await clock.advance(0);
    expect(waiter.session).toBe(dialer.session(1).outbound);
  });

  test('regression: looking for them is no part of the call that was the first to need them', async () => {
    const calls = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { clock, wait } = rig([], () => ({
      register: () => Promise.resolve(),
      discover: async () => (seen.push(calls.getStore()), []),
      watch: () => (seen.push(calls.getStore()), () => {}),
    }));
    calls.run('a call', wait);
    await clock.advance(1_000);
    expect(seen).toEqual([undefined, undefined, undefined]);
  });

  test('instances that appear are used, those that vanish end their calls first', async () => {
    const { clock, set, dialer, discovery, now } = await started([1]);
    discovery.add(node(2));
    await clock.advance(0);
    expect(set.sessions()).toHaveLength(2);
    const { outbound, rig: far } = dialer.session(1);
    const call = new IdleCall();
    outbound.send(call, 1);
    discovery.remove(node(1));
    for (let i = 0; i < 5; i++) expect(set.pick(now())).toBe(dialer.session(2).outbound);
    await clock.advance(5_000);
    expect([far.connection.closed, call.failure]).toEqual(['open', undefined]);
    far.feed(message(MessageKind.response, 1));
    expect(far.connection.closed).toBe('closed');
  });

  test('an instance that comes back on its port as another one is dialled anew', async () => {
    const { clock, dialer, discovery } = await started([]);
    discovery.add({ ...node(1), instanceId: 'a' });
    await clock.advance(0);
    discovery.remove(node(1));
    discovery.add({ ...node(1), instanceId: 'b' });
    await clock.advance(0);
    expect(dialer.attempts).toHaveLength(2);
  });

  test('a provider without watch is asked every second', async () => {
    const { clock, set, discovery } = rig([1], (all) => ({ register: () => Promise.resolve(), discover: (id) => all.discover(id) }));
    set.start();
    await clock.advance(0);
    discovery.add(node(2));
    expect(set.known).toBe(1);
    await clock.advance(1_000);
    expect(set.known).toBe(2);
  });

  test('a provider with watch is asked again only while nothing is known', async () => {
    const { clock, set, discovery } = rig();
    set.start();
    await clock.advance(3_500);
    expect(discovery.discovers).toBe(4);
    discovery.add(node(1));
    await clock.advance(10_000);
    expect([set.known, discovery.discovers]).toEqual([1, 5]);
  });

  test('a provider that fails takes nobody away, and is said once', async () => {
    const { clock, set, logger, discovery } = rig([1], (all) => ({ register: () => Promise.resolve(), discover: (id) => all.discover(id) }));
    set.start();
    await clock.advance(0);
    discovery.failure = new Error('ECONNREFUSED etcd');
    await clock.advance(10_000);
    expect([set.known, set.sessions().length, logger.lines.length]).toEqual([1, 1, 1]);
    expect(set.discoveryError).toMatchObject({ reason: 'discovery_failed' });
    const before = set.discoveredAt;
    discovery.failure = undefined;
    await clock.advance(1_000);
    expect(set.discoveryError).toBeUndefined();
    expect(set.discoveredAt).toBeGreaterThan(before);
  });

  test('no more than 256 instances are dialled', async () => {
    const { set, dialer } = await started(Array.from({ length: 300 }, (_, index) => index + 1));
    expect([set.known, dialer.attempts.length]).toEqual([256, 256]);
  });
});

describe('waiting for a session', () => {
  test('a call waits for the dial under way', async () => {
    const { clock, dialer, wait } = rig([1]);
    dialer.outcomes.set(1, down);
    const waiter = wait();
    await clock.advance(50);
    expect([waiter.session, waiter.error]).toEqual([undefined, undefined]);
    dialer.outcomes.delete(1);
    await clock.advance(100);
    expect(waiter.session).toBeDefined();
  });

  test('an unknown service fails within 2 s, after that at once', async () => {
    const { clock, wait } = rig();
    const waiter = wait();
    await clock.advance(1_000);
    expect(waiter.error).toBeUndefined();
    await clock.advance(999);
    expect(waiter.error).toMatchObject({ reason: 'unknown_service', code: 'NOT_FOUND', text: "no 'server' in the test", mayHaveRun: false });
    expect(wait().error).toMatchObject({ reason: 'unknown_service' });
  });

  test('a service that is being started is found within the grace', async () => {
    const { clock, discovery, wait } = rig();
    const waiter = wait();
    await clock.advance(1_000);
    discovery.add(node(1));
    await clock.advance(0);
    expect(waiter.session).toBeDefined();
  });

  test('unreachable instances fail calls after 2 s, then at once, with what one of them said', async () => {
    const { clock, dialer, wait } = rig([1, 2]);
    dialer.outcomes.set(1, down).set(2, down);
    const waiter = wait();
    await clock.advance(1_999);
    expect(waiter.error).toBeUndefined();
    await clock.advance(1);
    expect(waiter.error).toMatchObject({ reason: 'no_endpoint', code: 'UNAVAILABLE', mayHaveRun: false });
    expect(waiter.error?.text).toContain('none of 2 instance(s)');
    expect(wait().error).toMatchObject({ reason: 'no_endpoint' });
  });

  test('the grace begins again when the last connection is lost', async () => {
    const { clock, dialer, wait } = await started([1]);
    await clock.advance(60_000);
    dialer.outcomes.set(1, down);
    dialer.session(1).rig.connection.onEnd({});
    const waiter = wait();
    await clock.advance(1_999);
    expect(waiter.error).toBeUndefined();
    await clock.advance(1);
    expect(waiter.error?.reason).toBe('no_endpoint');
  });

  test('where all are gone it says so', async () => {
    const { clock, discovery, wait } = await started([1]);
    discovery.remove(node(1));
    const waiter = wait();
    await clock.advance(2_000);
    expect(waiter.error).toMatchObject({ reason: 'no_endpoint', text: "every instance of 'server' is gone from the test" });
  });

  test('where the look-up fails it says so', async () => {
    const { clock, discovery, wait } = rig();
    discovery.failure = new Error('etcd is down');
    const waiter = wait();
    await clock.advance(2_000);
    expect(waiter.error).toMatchObject({ reason: 'discovery_failed', code: 'UNAVAILABLE', mayHaveRun: false });
    expect(waiter.error?.text).toContain('etcd is down');
  });

  test('a look-up that hangs does not hang the call', async () => {
    const { clock, wait } = rig([], () => ({ register: () => Promise.resolve(), discover: () => new Promise(() => {}) }));
    const waiter = wait();
    await clock.advance(2_000);
    expect(waiter.error).toMatchObject({ reason: 'discovery_failed', mayHaveRun: false });
  });

  test('a peer that is not trusted fails calls at once, with the reason of the handshake', async () => {
    const { clock, dialer, wait } = rig([1]);
    dialer.outcomes.set(1, untrusted);
    const waiter = wait();
    await clock.advance(0);
    expect(waiter.error).toMatchObject({ reason: 'peer_untrusted', code: 'UNAUTHENTICATED', text: 'foreign domain', mayHaveRun: false });
  });

  test('regression: also while it is dialled again', async () => {
    const { clock, dialer, wait } = rig([1]);
    dialer.outcomes.set(1, untrusted);
    wait();
    await clock.advance(10_000);
    dialer.outcomes.set(1, 'hangs');
    await clock.advance(5_000);
    expect(wait().error).toMatchObject({ reason: 'peer_untrusted', text: 'foreign domain' });
  });

  test('one untrusted instance is not all of them', async () => {
    const { clock, dialer, wait } = rig([1, 2]);
    dialer.outcomes.set(1, untrusted).set(2, down);
    const waiter = wait();
    await clock.advance(0);
    expect(waiter.error).toBeUndefined();
    dialer.outcomes.delete(2);
    await clock.advance(100);
    expect(waiter.session).toBe(dialer.session(2).outbound);
  });

  test('who left is told nothing', async () => {
    const { clock, set, wait } = rig();
    const waiter = wait();
    set.leave(waiter);
    await clock.advance(5_000);
    expect(waiter.error).toBeUndefined();
  });

  test('those who wait are capped', async () => {
    const { set, wait } = rig();
    for (let i = 0; i < 10_000; i++) set.wait(new Waiter());
    expect(wait().error).toMatchObject({ reason: 'too_many_calls', mayHaveRun: false });
  });

  test('all who wait get a session when one is there, shared out', async () => {
    const { clock, dialer, wait } = rig([1, 2]);
    const waiters = Array.from({ length: 10 }, wait);
    await clock.advance(0);
    expect(waiters.every(({ session }) => session !== undefined)).toBe(true);
    expect(dialer.sessions).toHaveLength(2);
  });
});

describe('a session that was silent too long', () => {
  test('is asked before it is used', async () => {
    const { set, dialer, wait } = await started([1]);
    const later = 60_000;
    expect(set.pick(later)).toBeUndefined();
    const waiter = wait();
    expect(waiter.session).toBeUndefined();
    const { rig: far, outbound } = dialer.session(1);
    far.feed(message(MessageKind.pong, 0));
    expect(waiter.session).toBe(outbound);
  });

  test('regression: a call that waits for its answer is not forgotten when the connection is gone', async () => {
    const { clock, set, dialer, wait } = await started([1]);
    dialer.outcomes.set(1, down);
    expect(set.pick(60_000)).toBeUndefined();
    const waiter = wait();
    dialer.session(1).rig.connection.onEnd({});
    await clock.advance(2_000);
    expect(waiter.error).toMatchObject({ reason: 'no_endpoint' });
  });

  test('regression: nor when its instance vanishes', async () => {
    const { clock, set, discovery, wait } = await started([1]);
    expect(set.pick(60_000)).toBeUndefined();
    const waiter = wait();
    discovery.remove(node(1));
    await clock.advance(2_000);
    expect(waiter.error).toMatchObject({ reason: 'no_endpoint' });
  });
});

describe('a call that waits for the answer of one that was silent, beside one whose breaker is open', () => {
  /** Instance 1 is silent, instance 2 is `open`; a call waits. */
  async function waiting(): Promise<Rig & { readonly waiter: Waiter; readonly breakers: ScriptedBreakers }> {
    const breakers = new ScriptedBreakers();
    const all = await started([1, 2], breakers);
    breakers.get('server h:2').state = 'open';
    all.dialer.outcomes.set(1, down);
    all.dialer.session(1).rig.session.isStale = () => true;
    all.dialer.session(2).rig.session.isStale = () => false;
    expect(all.set.pick(all.now())).toBeUndefined();
    return { ...all, breakers, waiter: all.wait() };
  }

  test('regression: when the silent one is gone it goes to the other, which says when', async () => {
    const { dialer, waiter } = await waiting();
    dialer.session(1).rig.connection.onEnd({});
    expect(waiter.session).toBe(dialer.session(2).outbound);
  });

  test('regression: when the silent one leaves in good order, too', async () => {
    const { dialer, waiter } = await waiting();
    dialer.session(1).rig.feed(message(MessageKind.goAway, 0));
    expect(waiter.session).toBe(dialer.session(2).outbound);
  });

  test('regression: as soon as the breaker lets calls through, it goes there', async () => {
    const { clock, dialer, breakers, waiter } = await waiting();
    await clock.advance(1_000);
    expect(waiter.session).toBeUndefined();
    breakers.get('server h:2').state = 'half-open';
    await clock.advance(250);
    expect(waiter.session).toBe(dialer.session(2).outbound);
    expect(clock.pendingTimers).toBe(0);
  });

  test('nothing is looked at for who has left', async () => {
    const { clock, set, waiter } = await waiting();
    set.leave(waiter);
    await clock.advance(250);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('stop', () => {
  test('closes all, ends the watch and the timers, and fails who waits', async () => {
    const { clock, set, dialer, discovery } = await started([1, 2]);
    await set.stop(10_000);
    expect([discovery.watchers, clock.pendingTimers, set.sessions()]).toEqual([0, 0, []]);
    expect(dialer.sessions.map(({ rig: far }) => far.connection.closed)).toEqual(['closed', 'closed']);
    const empty = rig();
    const waiter = empty.wait();
    await empty.set.stop(10_000);
    expect(waiter.error).toMatchObject({ reason: 'session_closed', mayHaveRun: false });
    await empty.clock.advance(0);
    expect(empty.clock.pendingTimers).toBe(0);
  });

  test('the next call starts it again', async () => {
    const { clock, set, dialer, wait } = await started([1]);
    await set.stop(10_000);
    const waiter = wait();
    await clock.advance(0);
    expect([waiter.session !== undefined, dialer.attempts.length]).toEqual([true, 2]);
  });

  test('regression: waits for the calls of instances that vanished before', async () => {
    const { clock, set, dialer, discovery } = await started([1]);
    const call = new IdleCall();
    dialer.session(1).outbound.send(call, 1);
    discovery.remove(node(1));
    let stopped = false;
    void set.stop(1_000).then(() => (stopped = true));
    await clock.advance(999);
    expect([stopped, call.failure]).toEqual([false, undefined]);
    await clock.advance(1);
    expect([stopped, call.failure?.reason, dialer.session(1).rig.connection.closed]).toEqual([true, 'connection_lost', 'closed']);
  });

  test('regression: once closed for good it starts no more, not even for a call that a GOAWAY handed back', async () => {
    const { clock, set, dialer, discovery, wait } = await started([1]);
    await set.close(10_000);
    const waiter = wait();
    set.start();
    await clock.advance(10_000);
    expect(waiter.error).toMatchObject({ reason: 'session_closed', mayHaveRun: false });
    expect([dialer.attempts.length, discovery.watchers]).toEqual([1, 0]);
  });
});
