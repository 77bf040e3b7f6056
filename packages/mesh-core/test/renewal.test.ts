import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type SessionOwner } from '@lemur-bookstores/mesh-interface';
import type { MeshNode } from '../src/mesh-node.js';
import type { MeshClient } from '../src/call/mesh-client.js';
import { SessionLifetimes } from '../src/session/session-lifetimes.js';
import { MessageKind } from '../src/wire/message.js';
import { inboundRig } from './support/inbound-rig.js';
import { RecordingAudit, TestMesh, type NodeSettings } from './support/nodes.js';
import { message, request, thrown, turns } from './support/wire.js';

let mesh: TestMesh;
afterEach(() => mesh.stop());

const ownerOf = (node: MeshNode): SessionOwner => [...mesh.channelsOf(node).owners][0] as SessionOwner;

interface Pair {
  readonly server: MeshNode;
  readonly client: MeshNode;
  readonly calls: MeshClient;
  /** How often each id was handled. */
  readonly handled: Map<number, number>;
  readonly audit: RecordingAudit;
}

/** 'client' calls 'server', whose method `work` answers an id after some turns, with as much more as it was sent. */
async function pair(both: NodeSettings, { server: ofServer = {}, client: ofClient = {} }: { server?: NodeSettings; client?: NodeSettings } = {}): Promise<Pair> {
  mesh = new TestMesh({ backoff: { initialMs: 1, maxMs: 20 }, ...both });
  const handled = new Map<number, number>();
  const server = await mesh.started('server', ofServer, (node) =>
    node.handle('work', async ({ id, slow, pad }: { id: number; slow: number; pad: string }) => {
      handled.set(id, (handled.get(id) ?? 0) + 1);
      await turns(slow);
      return { id, pad };
    }),
  );
  const audit = new RecordingAudit();
  const client = await mesh.started('client', { audit, ...ofClient });
  return { server, client, calls: client.connect('server') as MeshClient, handled, audit };
}

const PADS = ['', 'x'.repeat(1_000), 'y'.repeat(300_000)];

/** Calls from `workers` places at once until told to stop; each answer is looked at. */
function load({ calls }: Pair, workers: number): { stop(): Promise<number> } {
  let [next, running] = [0, true];
  const worker = async (): Promise<void> => {
    while (running) {
      const id = next++;
      const pad = PADS[id % 20 === 0 ? 2 : id % 2] as string;
      expect(await calls.call('work', { id, slow: id % 7, pad })).toEqual({ id, pad });
      await turns();
    }
  };
  const all = Promise.all(Array.from({ length: workers }, worker));
  all.catch(() => {});
  return {
    stop: async () => {
      running = false;
      await all;
      return next;
    },
  };
}

describe('renewals under load', () => {
  test.each([
    ['the dialler', (of: Pair) => [of.client]],
    ['the acceptor', (of: Pair) => [of.server]],
    ['both', (of: Pair) => [of.client, of.server]],
  ])('of %s: no call fails, is lost or doubled', async (who, nodes) => {
    const of = await pair({});
    const calling = load(of, 16);
    for (let round = 0; round < 6; round++) {
      // Answered: a session stands.
      await of.calls.call('work', { id: -1 - round, slow: 0, pad: '' });
      const seen = await Promise.all(nodes(of).map((node) => ownerOf(node).renewSessions('manual', 600)));
      // An acceptor cannot know that its peer is just about to dial.
      if (who !== 'the acceptor') expect(seen[0]).toEqual({ rotated: 1, ended: 0, left: 0 });
    }
    const made = 6 + (await calling.stop());
    expect([...of.handled].filter(([, times]) => times !== 1)).toEqual([]);
    expect(of.handled.size).toBe(made);
    expect(of.client.snapshot().messagesFailed).toBe(0);
    expect(of.audit.actions().filter((action) => action === 'connection.open').length).toBeGreaterThan(6);
    const causes = of.audit.events.filter(({ details }) => details.action === 'connection.close').map(({ details }) => details.metadata?.['by'] === 'us' && details.metadata['cause']);
    if (who === 'the dialler') expect(new Set(causes)).toEqual(new Set(['key_rotation']));
  });
});

/** Lets both ends do what is due within `ms`, and calls every second. */
async function live({ calls, client }: Pair, clock: FakeClock, ms: number, step = 1_000): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) {
    await clock.advance(step);
    await turns(12);
    const call = calls.call('work', { id: passed, slow: 0, pad: '' });
    await turns(12);
    await clock.advance(0);
    expect(await call).toEqual({ id: passed, pad: '' });
    expect(client.snapshot().sessions.outbound).toBeLessThanOrEqual(2);
  }
}

const opened = ({ audit }: Pair): number => audit.actions().filter((action) => action === 'connection.open').length;
const closes = ({ audit }: Pair): unknown[] => audit.events.filter(({ details }) => details.action === 'connection.close').map(({ details: { duration, metadata } }) => ({ age: duration, ...metadata }));

describe('by time', () => {
  test('the dialler renews before the session timeout, again and again', async () => {
    const clock = new FakeClock();
    const of = await pair({ clock, sessionTimeoutMs: 100_000 });
    await live(of, clock, 1_000_000);
    expect(opened(of)).toBeGreaterThanOrEqual(11);
    expect(opened(of)).toBeLessThanOrEqual(13);
    for (const close of closes(of)) expect(close).toMatchObject({ by: 'us', cause: 'session_timeout' });
    for (const { age } of closes(of) as { age: number }[]) expect([age >= 85_000, age < 96_000]).toEqual([true, true]);
  });

  test('one who does not renew of itself is sent away a little later, and dials anew', async () => {
    const clock = new FakeClock();
    const of = await pair({ clock }, { server: { sessionTimeoutMs: 100_000 } });
    await live(of, clock, 500_000);
    expect(opened(of)).toBe(5);
    for (const { age } of closes(of) as { age: number }[]) expect([age >= 105_000, age < 106_000]).toEqual([true, true]);
  });

  test('a certificate that is replaced in time: sessions are renewed before it ends', async () => {
    const clock = new FakeClock();
    const of = await pair({ clock, hooks: { onChannel: (channel) => (channel.validForMs = 60_000) } });
    await live(of, clock, 300_000);
    expect(opened(of)).toBeGreaterThanOrEqual(5);
    expect(opened(of)).toBeLessThanOrEqual(7);
    for (const close of closes(of)) expect(close).toMatchObject({ cause: 'certificate_end' });
  });

  test('a certificate that nobody replaces makes no loop of renewals', async () => {
    const clock = new FakeClock();
    const endsAt = 100_000;
    let handshakes = 0;
    const gone = new MeshError('certificate_expired', 'it is over', { mayHaveRun: false });
    const of = await pair(
      { clock, backoff: { initialMs: 100, maxMs: 5_000 } },
      { client: { hooks: { onChannel: (channel) => (channel.validForMs = Math.max(0, endsAt - clock.monotonic())), onDial: () => void handshakes++, verifyAcceptor: () => (clock.monotonic() >= endsAt ? gone : undefined) } } },
    );
    await live(of, clock, 94_000);
    expect(handshakes).toBeLessThan(5);
    for (let passed = 0; passed < 66_000; passed += 100) {
      await clock.advance(100);
      await turns(3);
    }
    expect(of.client.snapshot().sessions.outbound).toBe(0);
    expect(handshakes).toBeLessThan(40);
  });

  test('a wall clock that jumps by an hour or a day leaves live sessions alone', async () => {
    const clock = new FakeClock();
    const of = await pair({ clock, sessionTimeoutMs: 100_000 });
    await live(of, clock, 10_000);
    for (const ms of [3_600_000, -3_600_000, 86_400_000, -86_400_000]) {
      clock.jump(ms);
      await live(of, clock, 10_000);
    }
    expect(opened(of)).toBe(1);
  });

  test.each([0, 999, 1.5, NaN, -1])('sessionTimeoutMs: %s is refused', async (sessionTimeoutMs) => {
    mesh = new TestMesh();
    expect(thrown(() => mesh.node('a', { sessionTimeoutMs }))).toMatchObject({ reason: 'invalid_option', details: { problems: [expect.stringContaining('sessionTimeoutMs')] } });
  });
});

test('a dialler that takes no notice of GOAWAY is closed when the drain is over', async () => {
  mesh = new TestMesh();
  let lifetimes: SessionLifetimes | undefined;
  const rig = inboundRig(new RecordingAudit(), {
    observer: (clock) => {
      const made = (lifetimes = new SessionLifetimes({ clock, sessionTimeoutMs: 100_000, drainMs: 10_000 }));
      return { opened: (live) => made.opened(live), rotated: () => {}, ended: (live) => made.ended(live) };
    },
  });
  const stranger = rig.come();
  stranger.speak();
  stranger.finish();
  const [inbound] = rig.sessions.sessions();
  // A call that its handler never ends; the keep-alive must have a sign of life.
  const ask = (id: number): void => stranger.connection.onMessage(Buffer.from(stranger.channel?.seal(0, [message(MessageKind.request, id, request('m'))]) as Buffer));
  inbound?.calls.set(1, { cancel: () => {} } as never);
  for (let i = 1; i <= 104; i++) {
    await rig.clock.advance(1_000);
    ask(1 + i);
  }
  expect(await stranger.heard()).not.toContainEqual([MessageKind.goAway, expect.any(Number)]);
  await rig.clock.advance(1_000);
  expect(await stranger.heard()).toContainEqual([MessageKind.goAway, 105]);
  ask(200);
  expect(rig.requests).not.toContain(200);
  await rig.clock.advance(9_999);
  expect(rig.sessions.sessions()).toHaveLength(1);
  await rig.clock.advance(1);
  expect(rig.sessions.sessions()).toHaveLength(0);
  expect(await stranger.heard()).toContainEqual([MessageKind.close, 0]);
  lifetimes?.stop();
  rig.sessions.close();
});

describe('the node', () => {
  test('is the owner of its sessions while it runs', async () => {
    mesh = new TestMesh();
    const node = mesh.node('a');
    const { owners } = mesh.channelsOf(node);
    expect(owners.size).toBe(0);
    await node.start();
    expect(owners.size).toBe(1);
    await node.stop();
    expect(owners.size).toBe(0);
  });

  test('stops in the midst of renewals, and leaves no timer', async () => {
    const clock = new FakeClock();
    const of = await pair({ clock });
    await live(of, clock, 2_000);
    const renewed = ownerOf(of.client).renewSessions('manual', 10_000);
    const rekeyed = ownerOf(of.server).rekeySessions('manual', 10_000);
    const stopped = mesh.stop();
    for (let i = 0; i < 10; i++) {
      await turns(10);
      await clock.advance(1_000);
    }
    await stopped;
    expect([await renewed, await rekeyed, clock.pendingTimers]).toEqual([{ rotated: 0, ended: 1, left: 0 }, { rotated: 0, ended: expect.any(Number), left: expect.any(Number) }, 0]);
  });
});
