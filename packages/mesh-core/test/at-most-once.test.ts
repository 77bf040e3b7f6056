import { describe, expect, test } from '@jest/globals';
import type { MeshError } from '@lemur-bookstores/mesh-interface';
import type { MeshNode } from '../src/mesh-node.js';
import { MemoryTransport } from '../src/transport/memory-transport.js';
import { WebSocketTransport } from '../src/transport/websocket-transport.js';
import { ATTACKS, AttackedTransport, seeded, type Plan } from './support/attacked-transport.js';
import { TestMesh } from './support/nodes.js';
import { turns } from './support/wire.js';

// PROTOCOL 1.5: what may have run is never sent again by us, whatever somebody does to the connection.

const CALLS = 30;
const QUICK = { backoff: { initialMs: 1, maxMs: 4 }, limits: { handshakeMs: 40, idlePingMs: 15, deadAfterMs: 15, drainMs: 200, addressPerSecond: 1e6, addressBurst: 1e6, globalPerSecond: 1e6, globalBurst: 1e6 } };

interface Outcome {
  readonly runs: readonly number[];
  readonly results: readonly ('answered' | MeshError)[];
  readonly attacks: number;
}

/** Calls two instances through an attacker; instances come and go. Each logical call is made once. */
async function play(seed: number, overSockets: boolean): Promise<Outcome> {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const plan = (): Plan | undefined =>
    random() < 0.1 ? undefined : { attack: ATTACKS[below(ATTACKS.length)] as Plan['attack'], direction: random() < 0.5 ? 'out' : 'in', message: below(14) };
  const inner = overSockets ? new WebSocketTransport() : new MemoryTransport();
  const attacked = new AttackedTransport(inner, plan);
  const mesh = new TestMesh({ transport: inner, ...QUICK });
  const runs = new Array<number>(CALLS).fill(0);
  const work = async ({ key }: { key: number }): Promise<number> => {
    runs[key] = (runs[key] as number) + 1;
    if (key % 3 === 0) await turns(key % 5);
    return key;
  };
  const server = (): Promise<MeshNode> => mesh.started('server', {}, (node) => node.handle('work', work as never));
  const servers = [await server(), await server()];
  const client = await mesh.started('client', { transport: attacked });
  const calls = client.connect('server');
  const results: Promise<'answered' | MeshError>[] = [];
  for (let key = 0; key < CALLS; key++) {
    const padding = key % 10 === 7 ? 'x'.repeat(600_000) : 'x'.repeat(below(400));
    results.push(calls.call('work', { key, padding }, { timeoutMs: 600 }).then((answer) => (expect(answer).toBe(key), 'answered' as const), (error: MeshError) => error));
    if (random() < 0.5) await turns(below(4));
    // An instance goes: GOAWAY hands its calls to the other; a new one comes.
    if (key === 10 || key === 20) {
      void servers[key === 10 ? 0 : 1]?.stop();
      servers.push(await server());
    }
  }
  const outcome = { runs, results: await Promise.all(results), attacks: attacked.attacks };
  await mesh.stop();
  return outcome;
}

function check(seed: number, { runs, results }: Outcome): void {
  results.forEach((result, key) => {
    const ran = runs[key];
    const said = result === 'answered' ? result : `${result.reason}, may have run: ${String(result.mayHaveRun)}`;
    // Named so that a failure can be played again.
    const where = `seed ${seed}, call ${key}: ${said}`;
    expect([where, (ran as number) <= 1]).toEqual([where, true]);
    if (result === 'answered') expect([where, ran]).toEqual([where, 1]);
    else {
      expect([where, typeof result.mayHaveRun]).toEqual([where, 'boolean']);
      if (result.mayHaveRun === false) expect([where, ran]).toEqual([where, 0]);
    }
  });
}

describe('no call runs twice', () => {
  test('in 240 random attacks on connections in memory', async () => {
    let attacks = 0;
    let answered = 0;
    let lost = 0;
    const seeds = Array.from({ length: 240 }, (_, index) => index + 1);
    const worker = async (): Promise<void> => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const outcome = await play(seed, false);
        check(seed, outcome);
        attacks += outcome.attacks;
        answered += outcome.results.filter((result) => result === 'answered').length;
        lost += outcome.results.filter((result) => result !== 'answered' && result.mayHaveRun === true).length;
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    // The attacks did something, and the calls went on.
    expect(attacks).toBeGreaterThan(240);
    expect(answered).toBeGreaterThan(240 * CALLS * 0.4);
    expect(lost).toBeGreaterThan(100);
  }, 60_000);

  test('in 20 over real sockets', async () => {
    for (let seed = 1_001; seed <= 1_020; seed++) check(seed, await play(seed, true));
  }, 60_000);
});

describe('GOAWAY', () => {
  test('calls after lastProcessedId run exactly once elsewhere, earlier ones end where they are', async () => {
    const mesh = new TestMesh();
    const runs: string[] = [];
    let finish: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const server = (name: string): Promise<MeshNode> =>
      mesh.started('server', {}, (node) => {
        node.handle('slow', async (input: number) => (runs.push(`${name} slow ${input}`), await gate, name));
        node.handle('quick', (input: number) => (runs.push(`${name} quick ${input}`), name));
      });
    const first = await server('first');
    const client = await mesh.started('client');
    const calls = client.connect('server');
    await calls.call('quick', 0);
    const slow = calls.call('slow', 1);
    while (runs.length < 2) await turns();
    const stopped = first.stop();
    await turns(4);
    const later = [calls.call('quick', 2), calls.call('quick', 3)];
    await server('second');
    expect(await Promise.all(later)).toEqual(['second', 'second']);
    finish?.();
    expect(await slow).toBe('first');
    await stopped;
    expect(runs).toEqual(['first quick 0', 'first slow 1', 'second quick 2', 'second quick 3']);
    await mesh.stop();
  });

  test('calls that were written and not yet read when the server stopped taking any are all answered, once', async () => {
    const mesh = new TestMesh();
    const runs = new Map<number, number>();
    const server = (): Promise<MeshNode> => mesh.started('server', {}, (node) => node.handle('m', (input: number) => void runs.set(input, (runs.get(input) ?? 0) + 1)));
    const first = await server();
    const second = await server();
    const calls = (await mesh.started('client')).connect('server');
    await calls.call('m', -1);
    const all: Promise<unknown>[] = [];
    for (let key = 0; key < 500; key++) {
      all.push(calls.call('m', key));
      if (key % 50 === 49) await turns();
      if (key === 260) void first.stop();
    }
    await Promise.all(all);
    expect([...runs.values()].every((count) => count === 1)).toBe(true);
    expect(runs.size).toBe(501);
    expect(second.snapshot().messagesReceived).toBeGreaterThan(100);
    await mesh.stop();
  });
});
