import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, type CallScopes, type ServedCall, type TraceContext } from '@lemur-bookstores/mesh-interface';
import type { MeshClient } from '../../src/call/mesh-client.js';
import type { MeshNode } from '../../src/mesh-node.js';
import { TestMesh } from '../support/nodes.js';
import { rejection, turns } from '../support/wire.js';

class Scopes implements CallScopes {
  readonly #storage = new AsyncLocalStorage<ServedCall>();
  run = <Arguments extends unknown[], Result>(call: ServedCall, work: (...args: Arguments) => Result, ...args: Arguments): Result => this.#storage.run(call, work, ...args);
  current = (): ServedCall | undefined => this.#storage.getStore();
  detach = <Result>(work: () => Result): Result => this.#storage.exit(work);
}

const trace: TraceContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
const other: TraceContext = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) };
let clock: FakeClock;
let mesh: TestMesh;
let middle: MeshNode;
let toMiddle: MeshClient;
let toEnd: MeshClient;
let ended: { remainingMs: number; trace: TraceContext | undefined; signal: AbortSignal }[];

beforeEach(async () => {
  clock = new FakeClock();
  mesh = new TestMesh({ clock, limits: { drainMs: 1_000 } });
  ended = [];
  await mesh.started('end', {}, (node) => {
    node.handle('now', (_input, { remainingMs, trace: carried, signal }) => void ended.push({ remainingMs, trace: carried, signal }));
    node.handle('hang', (_input, { remainingMs, trace: carried, signal }) => (ended.push({ remainingMs, trace: carried, signal }), new Promise(() => {})));
  });
  middle = await mesh.started('middle', { scopes: new Scopes() });
  toEnd = middle.connect('end');
  const client = await mesh.started('client');
  toMiddle = client.connect('middle');
  while (middle.snapshot().sessions.outbound + client.snapshot().sessions.outbound < 2) await turns();
});

afterEach(async () => {
  const stopped = mesh.stop();
  await turns(10);
  await clock.advance(60_000);
  await stopped;
});

describe.each(['without interceptors', 'with an interceptor'])('a call that a handler makes, %s', (how) => {
  beforeEach(() => {
    if (how === 'with an interceptor') middle.use((call, next) => next(call));
  });

  test('has no more time than the call it is made for, and its trace unless it has its own', async () => {
    middle.handle('on', async (own) => toEnd.call('now', 1, own === null ? {} : (own as { timeoutMs: number })));
    await toMiddle.call('on', null, { timeoutMs: 5_000, trace });
    await toMiddle.call('on', { timeoutMs: 700, trace: other }, { timeoutMs: 5_000, trace });
    expect(ended.map(({ remainingMs, trace: carried }) => [remainingMs, carried])).toEqual([[5_000, trace], [700, other]]);
  });

  test('ends with it: the handler at the far end hears of it, and its caller that it may have run', async () => {
    let nested: Promise<unknown> | undefined;
    middle.handle('on', () => (nested = rejection(toEnd.call('hang', 1))));
    const abort = new AbortController();
    const outer = rejection(toMiddle.call('on', 1, { signal: abort.signal }));
    while (ended.length === 0) await turns();
    abort.abort();
    await outer;
    expect(await nested).toMatchObject({ reason: 'cancelled', mayHaveRun: true });
    await turns(5);
    expect(ended[0]?.signal.aborted).toBe(true);
  });

  test('is not made once nobody waits: it says why, and that it has not run', async () => {
    const failures: Promise<unknown>[] = [];
    const goes: (() => void)[] = [];
    middle.handle('on', async () => {
      await new Promise<void>((resolve) => goes.push(resolve));
      failures.push(rejection(toEnd.call('now', 1)));
    });
    const abort = new AbortController();
    const outer = [rejection(toMiddle.call('on', 1, { signal: abort.signal })), rejection(toMiddle.call('on', 2, { timeoutMs: 100 }))];
    while (goes.length < 2) await turns();
    abort.abort();
    await clock.advance(200);
    await Promise.all(outer);
    await turns(5);
    for (const go of goes) go();
    while (failures.length < 2) await turns();
    expect(await Promise.all(failures)).toMatchObject([{ reason: 'cancelled', mayHaveRun: false }, { reason: 'deadline_exceeded', mayHaveRun: false }]);
    expect(ended).toEqual([]);
  });

  test('those of calls at the same time have nothing of each other', async () => {
    middle.handle('on', async () => {
      await turns(3);
      await toEnd.call('now', 1);
      await turns(2);
      await toEnd.call('now', 1);
    });
    await Promise.all([1_000, 2_000, 3_000].map((timeoutMs) => toMiddle.call('on', 1, { timeoutMs })));
    expect(ended.map(({ remainingMs }) => remainingMs).sort()).toEqual([1_000, 1_000, 2_000, 2_000, 3_000, 3_000]);
    await toEnd.call('now', 1);
    expect(ended.at(-1)?.remainingMs).toBe(30_000);
  });
});
