import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, type Interceptor } from '@lemur-bookstores/mesh-interface';
import type { MeshClient } from '../../src/call/mesh-client.js';
import type { MeshNode } from '../../src/mesh-node.js';
import { completeBackoff } from '../../src/session/backoff.js';
import { completeSessionLimits, DEFAULT_SESSION_LIMITS } from '../../src/session/session-limits.js';
import { TestMesh } from '../support/nodes.js';
import { rejection, turns } from '../support/wire.js';

let mesh: TestMesh;
let clock: FakeClock;
let server: MeshNode;
let client: MeshNode;
let calls: MeshClient;

beforeEach(async () => {
  clock = new FakeClock();
  mesh = new TestMesh({ clock });
  server = await mesh.started('server', {}, (node) => node.handle('echo', (input) => input));
  client = await mesh.started('client');
  calls = client.connect('server');
  while (client.snapshot().sessions.outbound === 0) await turns();
});

afterEach(async () => {
  const stopped = mesh.stop();
  await turns(10);
  await clock.advance(30_000);
  await stopped;
});

describe('regression: deadline and signal bound a call whatever its interceptors do', () => {
  const hangs: Interceptor = () => new Promise(() => {});

  test('one that never calls on', async () => {
    client.use(hangs);
    const outcome = rejection(calls.call('echo', 1, { timeoutMs: 200 }));
    await clock.advance(250);
    expect(await outcome).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: false });
  });

  test('one that hangs after the answer: the call may have run', async () => {
    client.use(async (call, next) => {
      await next(call);
      return new Promise(() => {});
    });
    const outcome = rejection(calls.call('echo', 1, { timeoutMs: 200 }));
    await clock.advance(250);
    expect(await outcome).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: true });
  });

  test("the caller's signal ends it, and the interceptor hears", async () => {
    let heard: AbortSignal | undefined;
    client.use((call) => {
      heard = call.signal;
      return new Promise(() => {});
    });
    const controller = new AbortController();
    const outcome = rejection(calls.call('echo', 1, { signal: controller.signal }));
    await turns();
    controller.abort();
    expect(await outcome).toMatchObject({ reason: 'cancelled', mayHaveRun: false });
    expect(heard?.aborted).toBe(true);
  });

  test('what an interceptor throws arrives as a MeshError', async () => {
    client.use(() => {
      throw new TypeError('mine');
    });
    expect(await rejection(calls.call('echo', 1))).toMatchObject({ name: 'MeshError', reason: 'unexpected' });
  });

  test('no metadata is made up', async () => {
    let seen: unknown;
    server.handle('metadata', (_input, context) => {
      seen = context.metadata;
    });
    client.use((call, next) => next(call));
    await calls.call('metadata');
    expect(seen).toEqual({});
  });
});

test('regression: fifty calls may share one signal', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  server.handle('hang', () => new Promise(() => {}));
  const controller = new AbortController();
  const outcomes = Array.from({ length: 50 }, () => rejection(calls.call('hang', null, { signal: controller.signal })));
  await turns(5);
  controller.abort(new Error('enough'));
  for (const outcome of outcomes) expect(await outcome).toMatchObject({ reason: 'cancelled', mayHaveRun: true });
  await turns(5);
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});

describe('regression: undefined in limits and backoff is not given', () => {
  test('the defaults hold', () => {
    const none = Object.fromEntries(Object.keys(DEFAULT_SESSION_LIMITS).map((key) => [key, undefined]));
    expect(completeSessionLimits(none)).toEqual(DEFAULT_SESSION_LIMITS);
    expect(completeBackoff({ initialMs: undefined, maxMs: undefined } as never)).toEqual({ initialMs: 100, maxMs: 5_000 });
  });

  test('room for fragments and queues grows with the largest message', () => {
    const limits = completeSessionLimits({ maxMessageBytes: 32 * 1024 * 1024 });
    expect([limits.maxReassemblyBytes, limits.maxQueuedBytes]).toEqual([128 * 1024 * 1024, 128 * 1024 * 1024]);
  });

  test.each([
    [{ maxMessageBytes: 1_000 }, 'limits.maxMessageBytes'],
    [{ maxReassemblyBytes: 1_000_000 }, 'limits.maxReassemblyBytes'],
    [{ maxQueuedBytes: 1_000_000 }, 'limits.maxQueuedBytes'],
    [{ maxCalls: 0.5 }, 'limits.maxCalls'],
    [{ handshakeMs: Number.NaN }, 'limits.handshakeMs'],
  ])('%p is refused by its path', (limits, path) => {
    expect(() => completeSessionLimits(limits)).toThrow(expect.objectContaining({ reason: 'invalid_option', message: expect.stringContaining(path) }));
  });
});

/** Never called: the compiler checks it (`npm run lint`). */
export async function typedClients(typed: MeshClient<UserApi>): Promise<void> {
  await typed.call('list');
  await typed.call('list', { name: 'a' });
  await typed.call('now');
  const user: { id: number } = await typed.call('getUser', { id: 1 });
  await typed.call('withContext', user.id);
  // @ts-expect-error the input is not optional
  await typed.call('getUser');
  // @ts-expect-error the input is of another type
  await typed.call('getUser', { id: '1' });
  // @ts-expect-error there is no such method
  await typed.call('nope', {});
}

interface UserApi {
  list(filter?: { name: string }): Promise<string[]>;
  now(): number;
  getUser(input: { id: number }): Promise<{ id: number }>;
  withContext(input: number, context: { peer: string }): void;
}
