import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { FakeClock, MeshError, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import { EndpointSet } from '../../src/endpoint/endpoint-set.js';
import { LOAD_BALANCING_STRATEGIES, type LoadBalancingOptions } from '../../src/endpoint/load-balancing.js';
import { draws } from '../support/draws.js';
import { FakeDialer } from '../support/fake-dialer.js';
import { IdleCall } from '../support/idle-call.js';
import { RecordingLogger, TestDiscovery } from '../support/nodes.js';
import { message } from '../support/wire.js';

/** What an instance does with a call. */
interface Behaviour {
  readonly ms: number;
  readonly error?: MeshError;
  /** It never answers. */
  readonly hangs?: boolean;
}

const node = (port: number): ServiceNode => ({ id: 'server', host: 'h', port });
const QUICK: Behaviour = { ms: 10 };
const BROKEN: Behaviour = { ms: 10, error: new MeshError('handler_failed', 'broken') };

beforeEach(() => void jest.spyOn(Math, 'random').mockImplementation(draws()));
afterEach(() => void jest.restoreAllMocks());

/** Instances that answer as they are told, and callers that each have one call under way at any time, on a clock that stands still. */
class Fleet {
  readonly clock = new FakeClock();
  readonly dialer = new FakeDialer(this.clock);
  readonly discovery = new TestDiscovery();
  readonly logger = new RecordingLogger();
  readonly set: EndpointSet;
  readonly behaviours = new Map<number, Behaviour>();
  /** Calls that each got, by port. */
  counts = new Map<number, number>();
  #calling = false;

  constructor(options: LoadBalancingOptions = {}) {
    this.set = new EndpointSet('server', { discovery: this.discovery, dialer: this.dialer.asDialer, clock: this.clock, logger: this.logger, drainMs: 1, ...options });
    // The rigs' sessions have clocks of their own, which nobody moves.
    this.dialer.onConnected = ({ rig }) => void (rig.session.isStale = () => false);
  }

  async start(...ports: readonly number[]): Promise<void> {
    for (const port of ports) this.discovery.add(node(port));
    this.set.start();
    await this.clock.advance(0);
  }

  async call(callers: number, ms: number): Promise<void> {
    this.counts = new Map();
    this.#calling = true;
    for (let i = 0; i < callers; i++) this.#send();
    await this.clock.advance(ms);
    this.#calling = false;
  }

  /** Share of the calls since the callers began. */
  share(port: number): number {
    const all = [...this.counts.values()].reduce((sum, count) => sum + count, 0);
    return (this.counts.get(port) ?? 0) / all;
  }

  #send(): void {
    if (!this.#calling) return;
    const sentAt = this.clock.monotonic();
    const session = this.set.pick(sentAt);
    if (session === undefined) throw new Error('nobody is connected');
    if (!session.isOpen) throw new Error('chosen without a session that takes calls');
    const dialled = this.dialer.sessions.find(({ outbound }) => outbound === session);
    if (dialled === undefined) throw new Error('not one of the dialled');
    this.counts.set(dialled.port, (this.counts.get(dialled.port) ?? 0) + 1);
    const call = new IdleCall();
    session.send(call, 60_000, sentAt);
    const { ms, error, hangs } = this.behaviours.get(dialled.port) ?? QUICK;
    if (hangs === true) return;
    this.clock.setTimeout(() => {
      const now = this.clock.monotonic();
      if (session.session.state !== 'closed') dialled.rig.feed(message(MessageKind.response, call.id));
      dialled.rig.session.lastReceivedAt = now;
      session.outcomes?.ended(now - sentAt, now, error);
      this.#send();
    }, ms);
  }
}

describe('least-loaded', () => {
  test.each([1, 3, 20])('%d callers: an instance that becomes 100 times slower gets less than 5 %% of the calls of the next 2 s, and is used again once it recovered', async (callers) => {
    const fleet = new Fleet();
    await fleet.start(1, 2, 3);
    await fleet.call(callers, 3_000);
    for (const port of [1, 2, 3]) expect(fleet.share(port)).toBeGreaterThan(0.2);
    await fleet.clock.advance(100);
    fleet.behaviours.set(3, { ms: 1_000 });
    await fleet.call(callers, 2_000);
    expect(fleet.share(3)).toBeGreaterThan(0);
    expect(fleet.share(3)).toBeLessThan(0.05);
    await fleet.clock.advance(1_000);
    fleet.behaviours.set(3, QUICK);
    await fleet.clock.advance(50_000);
    await fleet.call(callers, 5_000);
    expect(fleet.share(3)).toBeGreaterThan(0.2);
  });

  test.each([2, 5, 20])('%d callers: one that hangs keeps no more of them than its share, for however long', async (callers) => {
    const fleet = new Fleet();
    await fleet.start(1, 2, 3);
    await fleet.call(callers, 3_000);
    await fleet.clock.advance(100);
    fleet.behaviours.set(3, { ms: 0, hangs: true });
    await fleet.call(callers, 25_000);
    expect(fleet.counts.get(3)).toBeLessThanOrEqual(Math.ceil(callers / 2));
    expect(fleet.counts.get(1)).toBeGreaterThan(500);
  });

  test('one that refuses everything at once attracts nothing', async () => {
    const fleet = new Fleet();
    fleet.behaviours.set(3, { ms: 0.1, error: new MeshError('too_many_calls', 'full') });
    await fleet.start(1, 2, 3);
    await fleet.call(20, 2_000);
    expect(fleet.share(3)).toBeLessThan(0.02);
    expect(fleet.logger.lines).toEqual([]);
  });
});

describe.each(LOAD_BALANCING_STRATEGIES)('%s', (strategy) => {
  test('one that fails is ejected, said once, and comes back by itself, slowly', async () => {
    const fleet = new Fleet({ strategy, ejection: { baseMs: 5_000 }, slowStartMs: 4_000 });
    fleet.behaviours.set(2, BROKEN);
    await fleet.start(1, 2, 3);
    await fleet.call(10, 500);
    expect(fleet.logger.lines).toEqual([expect.stringMatching(/server at h:2 gets no calls for [45] s: 5 failures in a row$/)]);
    fleet.behaviours.delete(2);
    await fleet.call(10, 2_500);
    expect(fleet.counts.get(2)).toBeUndefined();
    await fleet.clock.advance(2_000);
    await fleet.call(10, 1_000);
    const warming = fleet.share(2);
    expect(warming).toBeGreaterThan(0.01);
    expect(warming).toBeLessThan(0.25);
    await fleet.clock.advance(3_500);
    await fleet.call(10, 1_000);
    expect(fleet.share(2)).toBeGreaterThan(0.25);
    expect(fleet.logger.lines).toHaveLength(1);
  });

  test('where all fail, half of them at most is out, and calls go on', async () => {
    const fleet = new Fleet({ strategy });
    for (const port of [1, 2, 3, 4]) fleet.behaviours.set(port, BROKEN);
    await fleet.start(1, 2, 3, 4);
    await fleet.call(10, 1_000);
    expect(fleet.logger.lines).toHaveLength(2);
    await fleet.call(10, 1_000);
    expect(fleet.counts.size).toBe(2);
  });

  test('where all that were left lose their sessions, the ejected one is used', async () => {
    const fleet = new Fleet({ strategy });
    fleet.behaviours.set(2, BROKEN);
    await fleet.start(1, 2);
    await fleet.call(10, 500);
    expect(fleet.logger.lines).toHaveLength(1);
    await fleet.clock.advance(100);
    fleet.dialer.outcomes.set(1, 'hangs');
    fleet.dialer.session(1).outbound.session.close();
    await fleet.call(1, 100);
    expect([...fleet.counts.keys()]).toEqual([2]);
  });

  test('off, none is ejected', async () => {
    const fleet = new Fleet({ strategy: strategy === 'least-loaded' ? 'random' : strategy, ejection: false });
    fleet.behaviours.set(2, BROKEN);
    await fleet.start(1, 2, 3);
    await fleet.call(10, 1_000);
    expect(fleet.share(2)).toBeGreaterThan(0.2);
    expect(fleet.logger.lines).toEqual([]);
  });

  test('a call is never sent to an endpoint without a session, while sessions come and go', async () => {
    const fleet = new Fleet({ strategy });
    await fleet.start(1, 2, 3, 4);
    for (let i = 0; i < 40; i++) {
      const open = fleet.set.sessions();
      // Between the end of a session and the next choice there is no turn.
      if (open.length > 1) open[i % open.length]?.session.close();
      await fleet.call(5, 37);
      await fleet.clock.advance(20);
    }
    expect(fleet.dialer.sessions.length).toBeGreaterThan(12);
  });

  test('one that comes later starts slowly, one that goes gets nothing more', async () => {
    const fleet = new Fleet({ strategy });
    await fleet.start(1, 2);
    await fleet.call(10, 11_000);
    fleet.discovery.add(node(3));
    await fleet.clock.advance(20);
    await fleet.call(10, 1_000);
    expect(fleet.share(3)).toBeGreaterThan(0);
    expect(fleet.share(3)).toBeLessThan(0.15);
    fleet.discovery.remove(node(1));
    await fleet.clock.advance(20);
    await fleet.call(10, 200);
    expect(fleet.counts.get(1)).toBeUndefined();
  });
});
