import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import type { CallOptions } from '../../src/call/call-options.js';
import type { HandlerContext } from '../../src/call/handlers.js';
import type { MeshNode } from '../../src/mesh-node.js';
import { HoldingAudit } from '../support/holding-audit.js';
import { RecordingAudit, TestMesh, type NodeSettings } from '../support/nodes.js';
import { TestGate } from '../support/test-gate.js';
import { rejection, turns } from '../support/wire.js';

interface Rig {
  readonly clock: FakeClock;
  readonly mesh: TestMesh;
  readonly gate: TestGate;
  readonly server: MeshNode;
  readonly client: MeshNode;
  readonly handled: unknown[];
  readonly contexts: HandlerContext[];
  /** Ends the oldest handler that runs. */
  end(): Promise<void>;
  call(input: unknown, options?: CallOptions): Promise<unknown>;
}

let open: Rig | undefined;

async function rig(settings: NodeSettings = {}): Promise<Rig> {
  const clock = new FakeClock();
  const mesh = new TestMesh({ clock, limits: { drainMs: 1_000 } });
  const gate = new TestGate();
  const [handled, contexts, running] = [[] as unknown[], [] as HandlerContext[], [] as (() => void)[]];
  const server = await mesh.started('server', { gate, ...settings }, (node) => {
    node.handle('run', (input, context) => {
      handled.push(input);
      contexts.push(context);
      return new Promise((resolve) => running.push(() => resolve(input)));
    });
    node.handle('now', (input) => (handled.push(input), input));
    node.handle('throw', () => {
      throw new MeshError('not_today', 'no', { code: 'FAILED_PRECONDITION' });
    });
  });
  const client = await mesh.started('client');
  const calls = client.connect('server');
  while (client.snapshot().sessions.outbound === 0) await turns();
  const end = async (): Promise<void> => {
    running.shift()?.();
    await turns(5);
  };
  const call = (input: unknown, options?: CallOptions): Promise<unknown> => {
    const outcome = calls.call('run', input, options);
    outcome.catch(() => undefined);
    return outcome;
  };
  return (open = { clock, mesh, gate, server, client, handled, contexts, end, call });
}

afterEach(async () => {
  if (open === undefined) return;
  const stopped = open.mesh.stop();
  await turns(10);
  await open.clock.advance(60_000);
  await stopped;
  open = undefined;
});

const until = async (holds: () => boolean): Promise<void> => {
  for (let looks = 0; !holds(); looks++) {
    if (looks > 2_000) throw new Error('it never was');
    await turns();
  }
};

describe('a call and its gate', () => {
  test('it is asked once, with peer and method, and told once when the handler has ended, however it ends', async () => {
    const { gate, client, end, call } = await rig();
    const calls = client.connect('server');
    const first = call(1);
    await until(() => gate.inside === 1);
    await end();
    expect(await first).toBe(1);
    await calls.call('now', 2);
    await rejection(calls.call('throw', 3));
    expect([gate.asked, gate.inside]).toEqual([['client run', 'client now', 'client throw'], 0]);
  });

  test('what it refuses has not run: the caller knows, the statistics and the trail too', async () => {
    const audit = new RecordingAudit();
    const { gate, server, call, handled } = await rig({ audit });
    gate.refusal = new MeshError('rate_limited', 'too often', { mayHaveRun: false, retryAfterMs: 700 });
    expect(await rejection(call(1))).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'rate_limited', mayHaveRun: false, retryAfterMs: 700 });
    gate.refusal = new MeshError('overloaded', 'too many', { mayHaveRun: false });
    expect(await rejection(call(2))).toMatchObject({ reason: 'overloaded', mayHaveRun: false });
    expect(handled).toEqual([]);
    expect(server.snapshot()).toMatchObject({ messagesReceived: 2, rateLimited: 1, overloaded: 1 });
    expect(audit.actions('message')).toEqual(['message.failed', 'message.failed']);
  });

  test('a place that is given up goes to who waits longest, who then runs', async () => {
    const { gate, call, end, handled } = await rig();
    gate.places = 1;
    const calls = [1, 2, 3].map((input) => call(input));
    await until(() => gate.line.length === 2);
    for (let i = 0; i < 3; i++) await end();
    expect([await Promise.all(calls), handled, gate.inside]).toEqual([[1, 2, 3], [1, 2, 3], 0]);
  });

  test('one that waits can still be refused', async () => {
    const { gate, call, handled } = await rig();
    gate.places = 0;
    const refused = call(1);
    await until(() => gate.line.length === 1);
    gate.line.shift()!.onRefused(new MeshError('overloaded', 'too many', { mayHaveRun: false }));
    expect(await rejection(refused)).toMatchObject({ reason: 'overloaded', mayHaveRun: false });
    expect(handled).toEqual([]);
  });

  test.each(['its deadline passes', 'its caller cancels', 'its connection ends'])('a call that waits leaves the line when %s, and does not run', async (why) => {
    const { gate, clock, client, call, end, handled } = await rig();
    gate.places = 1;
    const first = call(1);
    const abort = new AbortController();
    const waiting = call(2, { timeoutMs: 500, signal: abort.signal });
    await until(() => gate.line.length === 1);
    if (why === 'its deadline passes') await clock.advance(600);
    else if (why === 'its caller cancels') abort.abort();
    else void client.stop();
    if (why === 'its connection ends') {
      await turns(10);
      await clock.advance(2_000);
    }
    await rejection(waiting);
    await until(() => gate.line.length === 0);
    await end();
    expect([gate.left, handled, gate.inside]).toEqual([1, [1], 0]);
    await first.catch(() => undefined);
  });

  test('a handler has its place until it ends, also where its caller has gone', async () => {
    const { gate, call, end, handled, contexts } = await rig();
    gate.places = 1;
    const abort = new AbortController();
    const gone = call(1, { signal: abort.signal });
    await until(() => handled.length === 1);
    void call(2);
    await until(() => gate.line.length === 1);
    abort.abort();
    await rejection(gone);
    await until(() => contexts[0]!.signal.aborted);
    await turns(5);
    expect([handled, gate.inside]).toEqual([[1], 1]);
    await end();
    expect(handled).toEqual([1, 2]);
  });

  test('also where an interceptor has answered in its place', async () => {
    const { gate, server, call, end, handled } = await rig();
    server.use(async (inbound, next) => {
      void next(inbound);
      return 'at once';
    });
    expect(await call(1)).toBe('at once');
    expect([handled, gate.inside]).toEqual([[1], 1]);
    await end();
    expect(gate.inside).toBe(0);
  });

  test('interceptors are inside: they do not see what it refuses', async () => {
    const { gate, server, call, end } = await rig();
    const seen: unknown[] = [];
    server.use((inbound, next) => (seen.push(inbound.input), next(inbound)));
    gate.refusal = new MeshError('overloaded', 'too many', { mayHaveRun: false });
    await rejection(call(1));
    gate.refusal = undefined;
    const second = call(2);
    await until(() => gate.inside === 1);
    await end();
    expect([await second, seen, gate.inside]).toEqual([2, [2], 0]);
  });

  test('a call that waited goes on in its own async context, not in that of the call that made room', async () => {
    const storage = new AsyncLocalStorage<unknown>();
    const { gate, server, call, end, handled } = await rig();
    const seen: unknown[] = [];
    server.use((inbound, next) => {
      seen.push(storage.getStore());
      void storage.run(inbound.input, () => next(inbound));
      return Promise.resolve('at once');
    });
    gate.places = 1;
    const both = [call('a'), call('b')];
    await until(() => gate.line.length === 1 && handled.length === 1);
    await end();
    await end();
    expect([await Promise.all(both), handled, seen]).toEqual([['at once', 'at once'], ['a', 'b'], [undefined, undefined]]);
  });

  test('stopping waits for those in the line as for those that run, and no longer than drainMs', async () => {
    const { gate, clock, server, call, end, handled } = await rig();
    gate.places = 1;
    const calls = [1, 2, 3].map((input) => call(input));
    await until(() => gate.line.length === 2);
    let stopped = false;
    const stopping = server.stop().then(() => (stopped = true));
    await end();
    expect(await calls[0]).toBe(1);
    expect(stopped).toBe(false);
    await until(() => handled.length === 2);
    await clock.advance(1_000);
    await stopping;
    for (const each of calls.slice(1)) expect(await rejection(each)).toMatchObject({ mayHaveRun: true });
    await end();
    expect([handled, gate.line.length, gate.inside]).toEqual([[1, 2], 0, 0]);
  });
});

describe('where message events are fail-closed', () => {
  test('a call is accepted once it has its place, and gives it up where the trail does not take it or its caller has gone', async () => {
    const audit = new HoldingAudit(['message'], ['message.accepted']);
    const { gate, call, end, handled } = await rig({ audit });
    gate.places = 1;
    const abort = new AbortController();
    const [refused, gone, last] = [call(1), call(2, { signal: abort.signal }), call(3)];
    await audit.reached('message.accepted');
    expect(audit.waiting).toHaveLength(1);
    await audit.refuse('message.accepted');
    expect(await rejection(refused)).toMatchObject({ reason: 'audit_unavailable', mayHaveRun: false });
    await audit.reached('message.accepted');
    abort.abort();
    await rejection(gone);
    await until(() => audit.waiting.length === 2);
    await audit.hold('message.accepted');
    await audit.hold('message.accepted');
    await until(() => handled.length === 1);
    await end();
    expect([await last, handled, gate.inside]).toEqual([3, [3], 0]);
  });

  test('the end of a connection gives the place of one of its calls to none of its others', async () => {
    const audit = new HoldingAudit(['message'], ['message.accepted']);
    const { gate, clock, client, call, handled } = await rig({ audit });
    gate.places = 1;
    const calls = [1, 2, 3].map((input) => call(input));
    await audit.reached('message.accepted');
    await until(() => gate.line.length === 2);
    void client.stop();
    await turns(10);
    await clock.advance(11_000);
    for (const each of calls) await rejection(each);
    await until(() => gate.inside === 0);
    expect([audit.said.filter((said) => said === 'hold message.accepted').length, handled, gate.line]).toEqual([1, [], []]);
  });
});
