import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { LocalTrustDomain } from '@lemur-bookstores/mesh-ca';
import { LocalDiscovery, MeshNode, WebSocketTransport, type MeshClient } from '@lemur-bookstores/mesh-core';
import { CryptoManager } from '@lemur-bookstores/mesh-crypto';
import { silentLogger, type IdentityFiles, type IdentitySource, type SessionOwner } from '@lemur-bookstores/mesh-interface';
import { TestAuthority } from './support/authority.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
const nodes: MeshNode[] = [];
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
  await bed.close();
});
afterAll(() => bed.remove());

interface Member {
  readonly node: MeshNode;
  readonly owner: SessionOwner;
  /** How often each id was handled here. */
  readonly handled: Map<number, number>;
  readonly calls: MeshClient;
}

/** A node with real handshakes and keys over WebSockets, which calls its peer and is called by it. */
async function member(serviceId: string, peer: string, identity: IdentityFiles | IdentitySource): Promise<Member> {
  const channels = new CryptoManager({ serviceId, identity, logger: silentLogger, rotation: { minIntervalMs: 0 } });
  let owner: SessionOwner | undefined;
  Object.assign(channels, { ownSessions: (of: SessionOwner) => { owner = of; return () => {}; } });
  const discovery = new LocalDiscovery({ runtimeDir: join(bed.folder, 'run') });
  const node = new MeshNode({ serviceId, port: 0, host: '127.0.0.1', channels, discovery, transport: new WebSocketTransport(), logger: silentLogger, backoff: { initialMs: 1, maxMs: 20 } });
  const handled = new Map<number, number>();
  node.handle('work', async ({ id, pad }: { id: number; pad: string }, { signal }) => {
    handled.set(id, (handled.get(id) ?? 0) + 1);
    if (id % 5 === 0) await new Promise((resolve) => setTimeout(resolve, id % 30));
    return signal.aborted ? undefined : { id, pad };
  });
  nodes.push(node);
  await node.start();
  return { node, owner: owner as unknown as SessionOwner, handled, calls: node.connect(peer) as MeshClient };
}

async function pair(identityOf: (serviceId: string) => Promise<IdentityFiles | IdentitySource>): Promise<[Member, Member]> {
  return [await member('a', 'b', await identityOf('a')), await member('b', 'a', await identityOf('b'))];
}

const PADS = ['', 'x'.repeat(2_000), 'y'.repeat(300_000)];

/** Calls in both directions at once until told to stop. Some are cancelled; every other one must be answered. */
function load(members: readonly Member[], workers: number): { stop(): Promise<number[]> } {
  let running = true;
  const made = members.map(() => 0);
  const cancelled = members.map(() => 0);
  const worker = async ({ calls }: Member, of: number): Promise<void> => {
    while (running) {
      const id = (made[of] as number)++;
      const pad = PADS[id % 25 === 0 ? 2 : id % 2] as string;
      if (id % 17 !== 0) {
        expect(await calls.call('work', { id, pad })).toEqual({ id, pad });
        continue;
      }
      const abort = new AbortController();
      const call = calls.call('work', { id, pad }, { signal: abort.signal }).catch((error: unknown) => error);
      setImmediate(() => abort.abort());
      cancelled[of] = (cancelled[of] as number) + 1;
      const outcome = await call;
      if (outcome instanceof Error) expect(outcome).toMatchObject({ reason: 'cancelled' });
    }
  };
  const all = Promise.all(members.flatMap((of, index) => Array.from({ length: workers }, () => worker(of, index))));
  all.catch(() => {});
  return {
    stop: async () => {
      running = false;
      await all;
      return made;
    },
  };
}

/** Each call that came in was handled once; those that were not cancelled did come in. */
function expectOnce({ handled }: Member, made: number): void {
  expect([...handled].filter(([, times]) => times !== 1)).toEqual([]);
  expect(Array.from({ length: made }, (_call, id) => id).filter((id) => id % 17 !== 0 && !handled.has(id))).toEqual([]);
}

describe('sessions with real keys over WebSockets', () => {
  test('are rekeyed and renewed at both ends while calls run both ways: none fails, is lost or doubled', async () => {
    const keysDir = join(bed.folder, 'keys');
    const [a, b] = await pair((serviceId) => Promise.resolve(new LocalTrustDomain({ serviceId, keysDir })));
    await Promise.all([a, b].map(({ calls }) => calls.call('work', { id: 1_000_001, pad: '' })));
    const calling = load([a, b], 8);
    for (let round = 0; round < 4; round++) {
      await until('both have a session to the other', () => [a, b].every(({ node }) => node.snapshot().sessions.outbound >= 1 && node.snapshot().sessions.inbound >= 1));
      const [rekeyed] = await Promise.all([a.owner.rekeySessions('manual', 10_000), b.owner.rekeySessions('manual', 10_000)]);
      expect(rekeyed.left).toBe(0);
      expect(rekeyed.rotated).toBeGreaterThanOrEqual(1);
      const trigger = round === 3 ? 'compromise' : 'manual';
      await Promise.all((round % 2 === 0 ? [a] : [a, b]).map(({ owner }) => owner.renewSessions(trigger, trigger === 'compromise' ? 10_000 : 400)));
    }
    const made = await calling.stop();
    expectOnce(b, made[0] as number);
    expectOnce(a, made[1] as number);
    expect(a.node.snapshot().connectionsSuccessful).toBeGreaterThan(6);
  });

  test('a trust bundle that gets one more CA gives every session a new handshake, and disturbs no call', async () => {
    const authority = new TestAuthority(bed.folder);
    const files = new Map<string, IdentityFiles>();
    const [a, b] = await pair(async (serviceId) => {
      const of = await authority.files(serviceId);
      files.set(serviceId, of);
      return of;
    });
    await Promise.all([a, b].map(({ calls }) => calls.call('work', { id: 1_000_001, pad: '' })));
    const calling = load([a, b], 2);
    const { caFile } = files.get('a') as IdentityFiles;
    const before = b.node.snapshot().connectionsSuccessful;
    writeFileSync(caFile, `${readFileSync(caFile, 'utf8')}${new TestAuthority(bed.folder).certPem}`);
    // The one that 'a' dialled within half of the 10 s; the one that it accepted within 90 % of them.
    await until('both are new', () => b.node.snapshot().connectionsSuccessful >= before + 2, 12_000);
    const made = await calling.stop();
    expectOnce(b, made[0] as number);
    expectOnce(a, made[1] as number);
  });
});
