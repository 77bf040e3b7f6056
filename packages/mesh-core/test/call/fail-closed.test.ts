import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import type { MeshClient } from '../../src/call/mesh-client.js';
import type { MeshNode } from '../../src/mesh-node.js';
import { HoldingAudit } from '../support/holding-audit.js';
import { TestMesh, type NodeSettings } from '../support/nodes.js';
import { rejection, turns } from '../support/wire.js';

interface Rig {
  readonly clock: FakeClock;
  readonly mesh: TestMesh;
  readonly server: MeshNode;
  readonly client: MeshNode;
  readonly audit: HoldingAudit;
  readonly calls: MeshClient;
  /** Inputs in the order in which handlers got them. */
  readonly handled: unknown[];
}

let rig: Rig | undefined;

/** Both nodes run; at one end `message` events are fail-closed, and stop at some actions until the test says what becomes of them. */
async function failClosedAt(end: 'server' | 'client', stopsAt: readonly string[], settings: NodeSettings = {}): Promise<Rig> {
  const clock = new FakeClock();
  const audit = new HoldingAudit(['message'], stopsAt);
  const mesh = new TestMesh({ clock, limits: { drainMs: 1_000 } });
  const handled: unknown[] = [];
  const server = await mesh.started('server', end === 'server' ? { audit, ...settings } : {}, (node) => {
    node.handle('echo', (input) => (handled.push(input), input));
    node.handle('fail', () => { throw new MeshError('not_today', 'come back', { code: 'FAILED_PRECONDITION' }); });
  });
  const client = await mesh.started('client', end === 'client' ? { audit, ...settings } : {});
  const calls = client.connect('server');
  while (client.snapshot().sessions.outbound === 0) await turns();
  return (rig = { clock, mesh, server, client, audit, calls, handled });
}

afterEach(async () => {
  if (rig === undefined) return;
  const stopped = rig.mesh.stop();
  await turns(10);
  await rig.clock.advance(60_000);
  await stopped;
});

/** Whether a promise has settled by now. */
function watch(promise: Promise<unknown>): { settled: boolean } {
  const state = { settled: false };
  promise.then(() => (state.settled = true), () => (state.settled = true));
  return state;
}

const outcomes = (audit: HoldingAudit): string[] => audit.said.filter((said) => said.includes('message.'));

describe('a call that comes in, where message events are fail-closed', () => {
  test('its handler runs once message.accepted is held, and its answer leaves once the outcome is', async () => {
    const { audit, calls, handled } = await failClosedAt('server', ['message.accepted', 'message.received']);
    const trace = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
    const call = calls.call('echo', 7, { trace });
    const seen = watch(call);
    await audit.reached('message.accepted');
    await turns(5);
    expect([handled, seen.settled]).toEqual([[], false]);

    await audit.hold('message.accepted');
    await audit.reached('message.received');
    await turns(5);
    expect([handled, seen.settled]).toEqual([[7], false]);

    await audit.hold('message.received');
    expect(await call).toBe(7);
    expect(outcomes(audit)).toEqual(['hold message.accepted', 'hold message.received']);
    expect(audit.having('message.accepted')).toEqual([
      { eventType: 'message', targetServiceId: 'client', details: { action: 'message.accepted', success: true, metadata: { direction: 'inbound', method: 'echo' } }, trace },
    ]);
  });

  test('message.accepted is refused: the caller learns that nothing ran, and not why', async () => {
    const { audit, calls, handled, server } = await failClosedAt('server', ['message.accepted']);
    const failed = rejection(calls.call('echo', 7));
    await audit.refuse('message.accepted');
    expect(await failed).toMatchObject({ code: 'UNAVAILABLE', reason: 'audit_unavailable', text: 'the service that was called cannot write its audit trail', mayHaveRun: false, retryable: true });
    expect([handled, outcomes(audit)]).toEqual([[], ['hold message.accepted', 'message.failed']]);
    expect(audit.having('message.failed')[0]?.details).toMatchObject({ error: 'audit_unavailable: no durable sink has the event message.accepted: the disk is full', metadata: { method: 'echo', reason: 'audit_unavailable' } });
    expect(server.snapshot().calls.find(({ direction }) => direction === 'inbound')?.ended).toEqual({ OK: 0, UNAVAILABLE: 1 });
  });

  test.each([['echo', 'message.received', [7]], ['fail', 'message.failed', []]])('the outcome of %s is refused: the caller learns that it may have run, and no result', async (method, action, ran) => {
    const { audit, calls, handled } = await failClosedAt('server', [action]);
    const failed = rejection(calls.call(method, 7));
    await audit.refuse(action);
    expect(await failed).toMatchObject({ reason: 'audit_unavailable', mayHaveRun: true, details: undefined });
    expect([handled, outcomes(audit)]).toEqual([ran, ['hold message.accepted', `hold ${action}`, 'message.failed']]);
  });

  test('an error that a handler throws is held before it leaves', async () => {
    const { audit, calls } = await failClosedAt('server', ['message.failed']);
    const call = calls.call('fail', 1);
    const seen = watch(call);
    await audit.reached('message.failed');
    await turns(5);
    expect(seen.settled).toBe(false);
    await audit.hold('message.failed');
    expect(await rejection(call)).toMatchObject({ reason: 'not_today' });
  });

  test.each([['held', 'unknown_method'], ['refused', 'audit_unavailable']])('a request that is refused unhandled: its outcome alone, %s before the answer leaves; nothing ran', async (how, reason) => {
    const { audit, calls } = await failClosedAt('server', ['message.failed']);
    const failed = rejection(calls.call('nobody-has-this', 1));
    await audit[how === 'held' ? 'hold' : 'refuse']('message.failed');
    expect(await failed).toMatchObject({ reason, mayHaveRun: false });
    expect(audit.having('message.accepted')).toEqual([]);
  });

  test.each(['its deadline passes', 'it is cancelled', "its caller's connection ends"])('%s while message.accepted is waited for: the handler never runs', async (what) => {
    const { audit, calls, handled, client, clock } = await failClosedAt('server', ['message.accepted']);
    const abort = new AbortController();
    const failed = rejection(calls.call('echo', 7, { timeoutMs: 100, signal: abort.signal }));
    await audit.reached('message.accepted');
    if (what === 'its deadline passes') await clock.advance(150);
    else if (what === 'it is cancelled') abort.abort();
    else void client.stop();
    await turns(5);
    await clock.advance(1_500);
    await failed;
    await turns(5);
    await audit.hold('message.accepted');
    expect(handled).toEqual([]);
    expect(outcomes(audit)).toEqual(['hold message.accepted', 'message.failed']);
  });

  test.each(['its deadline passes', 'it is cancelled'])('%s while the outcome is waited for: no answer is sent, and the trail says so last', async (what) => {
    const { audit, calls, handled, server, clock } = await failClosedAt('server', ['message.received']);
    const abort = new AbortController();
    const failed = rejection(calls.call('echo', 7, { timeoutMs: 100, signal: abort.signal }));
    await audit.reached('message.received');
    if (what === 'its deadline passes') await clock.advance(150);
    else abort.abort();
    expect(await failed).toMatchObject({ reason: what === 'it is cancelled' ? 'cancelled' : 'deadline_exceeded', mayHaveRun: true });
    await turns(5);
    const sent = server.snapshot().bytes.sent;
    await audit.hold('message.received');
    await turns(5);
    expect([handled, server.snapshot().bytes.sent]).toEqual([[7], sent]);
    expect(outcomes(audit)).toEqual(['hold message.accepted', 'hold message.received', 'message.failed']);
    expect(server.snapshot().calls.find(({ direction }) => direction === 'inbound')?.ended).not.toHaveProperty('OK', 1);
  });

  test('a drain waits for the outcome to be held, and lets the answer out', async () => {
    const { audit, calls, server } = await failClosedAt('server', ['message.received']);
    const call = calls.call('echo', 7);
    await audit.reached('message.received');
    const stopped = server.stop();
    await turns(5);
    await audit.hold('message.received');
    expect(await call).toBe(7);
    await stopped;
  });

  test('the caps count calls that wait for the trail, and one over them is recorded, not held', async () => {
    const { audit, calls, handled } = await failClosedAt('server', ['message.accepted'], { limits: { maxCalls: 2 } });
    const two = [1, 2].map((input) => calls.call('echo', input));
    await audit.reached('message.accepted');
    expect(await rejection(calls.call('echo', 3))).toMatchObject({ reason: 'too_many_calls', mayHaveRun: false });
    expect(outcomes(audit)).toEqual(['hold message.accepted', 'hold message.accepted', 'message.failed']);
    await audit.hold('message.accepted');
    await audit.hold('message.accepted');
    expect([await Promise.all(two), handled]).toEqual([[1, 2], [1, 2]]);
  });

  test('an interceptor sees the call only once it is accepted', async () => {
    const { audit, calls, server } = await failClosedAt('server', ['message.accepted']);
    const seen: string[] = [];
    server.use((call, next) => (seen.push(call.method), next(call)));
    const call = calls.call('echo', 7);
    await audit.reached('message.accepted');
    expect(seen).toEqual([]);
    await audit.hold('message.accepted');
    expect([await call, seen]).toEqual([7, ['echo']]);
  });
});

describe('a call that goes out, where message events are fail-closed', () => {
  test('it is written once message.sending is held, and settles once the outcome is', async () => {
    const { audit, calls, handled, client } = await failClosedAt('client', ['message.sending', 'message.sent']);
    const trace = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
    const before = client.snapshot().bytes.sent;
    const call = calls.call('echo', 7, { trace });
    const seen = watch(call);
    await audit.reached('message.sending');
    await turns(5);
    expect([client.snapshot().bytes.sent, handled]).toEqual([before, []]);

    await audit.hold('message.sending');
    await audit.reached('message.sent');
    await turns(5);
    expect([handled, seen.settled]).toEqual([[7], false]);

    await audit.hold('message.sent');
    expect(await call).toBe(7);
    expect(outcomes(audit)).toEqual(['hold message.sending', 'hold message.sent']);
    expect(audit.having('message.sending')).toEqual([
      { eventType: 'message', targetServiceId: 'server', details: { action: 'message.sending', success: true, metadata: { direction: 'outbound', method: 'echo' } }, trace },
    ]);
  });

  test('message.sending is refused: nothing is written', async () => {
    const { audit, calls, client, handled } = await failClosedAt('client', ['message.sending']);
    const before = client.snapshot().bytes.sent;
    const failed = rejection(calls.call('echo', 7));
    await audit.refuse('message.sending');
    expect(await failed).toMatchObject({ code: 'UNAVAILABLE', reason: 'audit_unavailable', text: 'no durable sink has the event message.sending: the disk is full', mayHaveRun: false });
    expect([client.snapshot().bytes.sent, handled, outcomes(audit)]).toEqual([before, [], ['hold message.sending', 'message.failed']]);
    expect(client.snapshot()).toMatchObject({ messagesSent: 1, messagesFailed: 1 });
  });

  test.each([['echo', 'message.sent', true], ['fail', 'message.failed', true], ['nobody-has-this', 'message.failed', false]])('the outcome of %s, %s, is refused: the call fails, mayHaveRun %s', async (method, action, mayHaveRun) => {
    const { audit, calls, client } = await failClosedAt('client', [action]);
    const failed = rejection(calls.call(method, 7));
    await audit.refuse(action);
    expect(await failed).toMatchObject({ reason: 'audit_unavailable', mayHaveRun });
    expect(outcomes(audit)).toEqual(['hold message.sending', `hold ${action}`, 'message.failed']);
    expect(client.snapshot()).toMatchObject({ messagesSent: 1, messagesFailed: 1 });
  });

  test.each([
    ['message.sending', 'its deadline passes', 'deadline_exceeded', false],
    ['message.sending', 'it is cancelled', 'cancelled', false],
    ['message.sent', 'its deadline passes', 'deadline_exceeded', true],
    ['message.sent', 'it is cancelled', 'cancelled', true],
    ['message.failed', 'its deadline passes', 'deadline_exceeded', false],
  ])('while %s is waited for, %s: it ends at once as %s, mayHaveRun %s', async (action, what, reason, mayHaveRun) => {
    const { audit, calls, client, clock, handled } = await failClosedAt('client', [action]);
    const abort = new AbortController();
    const failed = rejection(calls.call(action === 'message.failed' ? 'nobody-has-this' : 'echo', 7, { timeoutMs: 100, signal: abort.signal }));
    await audit.reached(action);
    const sent = client.snapshot().bytes.sent;
    if (what === 'it is cancelled') abort.abort();
    else await clock.advance(150);
    expect(await failed).toMatchObject({ reason, mayHaveRun });
    expect(audit.said.at(-1)).toBe('message.failed');
    await audit.hold(action);
    await turns(5);
    // What was held too late changes nothing.
    expect([client.snapshot().bytes.sent, handled.length, client.snapshot().messagesFailed]).toEqual([sent, action === 'message.sent' ? 1 : 0, 1]);
  });

  test('an input that cannot be encoded: its outcome alone, held before the call settles', async () => {
    const { audit, calls } = await failClosedAt('client', ['message.failed']);
    const call = calls.call('echo', () => {});
    const seen = watch(call);
    await audit.reached('message.failed');
    await turns(5);
    expect(seen.settled).toBe(false);
    await audit.hold('message.failed');
    expect(await rejection(call)).toMatchObject({ reason: 'body_invalid', mayHaveRun: false });
  });

  test('a call that a peer hands back is announced once, to whichever instance it goes', async () => {
    const { audit, calls, mesh, server } = await failClosedAt('client', []);
    const other = await mesh.started('server', {}, (node) => node.handle('echo', () => 'other'));
    while (other.snapshot().sessions.inbound === 0) await turns();
    void server.stop();
    expect(await Promise.all(Array.from({ length: 20 }, () => calls.call('echo', 1)))).toHaveLength(20);
    expect(audit.having('message.sending')).toHaveLength(20);
    expect(audit.having('message.sent')).toHaveLength(20);
  });

  test('through interceptors, too', async () => {
    const { audit, calls, client, handled } = await failClosedAt('client', ['message.sending']);
    client.use((call, next) => next({ ...call, input: [call.input] }));
    const call = calls.call('echo', 7);
    await audit.reached('message.sending');
    expect(handled).toEqual([]);
    await audit.hold('message.sending');
    expect(await call).toEqual([7]);
  });

  test.each(['message.sending', 'message.sent'])('a trail that hangs at %s keeps neither stop() nor the call waiting beyond its deadline', async (action) => {
    const { audit, calls, client, clock } = await failClosedAt('client', [action]);
    const failed = rejection(calls.call('echo', 7, { timeoutMs: 5_000 }));
    await audit.reached(action);
    const stopped = client.stop();
    await turns(10);
    await clock.advance(1_100);
    await stopped;
    await clock.advance(5_000);
    expect(await failed).toMatchObject({ reason: 'deadline_exceeded' });
    expect(clock.pendingTimers).toBe(0);
  });
});

test('where the contract is another, nothing is awaited: one record a call and end', async () => {
  const audit = new HoldingAudit(['connection', 'system', 'error'], []);
  const mesh = new TestMesh();
  await mesh.started('server', { audit }, (node) => node.handle('echo', (input) => input));
  const client = await mesh.started('client', { audit });
  await client.connect('server').call('echo', 1);
  expect(outcomes(audit)).toEqual(['message.received', 'message.sent']);
  await mesh.stop();
});
