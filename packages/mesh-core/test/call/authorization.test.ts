import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type PeerIdentity } from '@lemur-bookstores/mesh-interface';
import type { Authorize, AuthorizeMode } from '../../src/call/authorization.js';
import type { MeshClient } from '../../src/call/mesh-client.js';
import type { MeshNode } from '../../src/mesh-node.js';
import { HoldingAudit } from '../support/holding-audit.js';
import { RecordingAudit, RecordingLogger, TestMesh } from '../support/nodes.js';
import { rejection, thrown, turns } from '../support/wire.js';

let mesh: TestMesh;
let clock: FakeClock;
let logger: RecordingLogger;
let audit: RecordingAudit;
let server: MeshNode;
let runs: string[];

afterEach(async () => {
  const stopped = mesh.stop();
  await turns(10);
  await clock.advance(30_000);
  await stopped;
});

/** A server that asks, and a client of it. */
async function connected(authorize: unknown, authorizeMode?: AuthorizeMode): Promise<MeshClient> {
  [clock, logger, audit, runs] = [new FakeClock(), new RecordingLogger(), new RecordingAudit(), []];
  mesh = new TestMesh({ clock });
  server = await mesh.started('server', { audit, logger, authorize: authorize as Authorize, authorizeMode });
  server.handle('pay', (input) => (runs.push('pay'), input));
  const client = await mesh.started('client');
  const calls = client.connect('server');
  while (client.snapshot().sessions.outbound === 0) await turns();
  return calls;
}

const denied = (): unknown[] =>
  audit.events.filter(({ details }) => details.action === 'auth.denied').map(({ targetServiceId, details }) => [targetServiceId, details.metadata?.['method'], details.metadata?.['mode'], details.messageCount]);

describe('who is not allowed', () => {
  test('is refused before the handler runs; trail, figures and the caller have it', async () => {
    const asked: [PeerIdentity, string][] = [];
    const calls = await connected((peer: PeerIdentity, method: string) => (asked.push([peer, method]), false));
    const error = await rejection(calls.call('pay', 1));
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'permission_denied', text: "'client' may not call this method of 'server'", mayHaveRun: false, retryable: false });
    expect([runs, asked]).toEqual([[], [[expect.objectContaining({ id: 'spiffe://test/client' }), 'pay']]]);
    expect(denied()).toEqual([['client', 'pay', 'enforce', 1]]);
    expect(server.snapshot()).toMatchObject({ authorizationDenied: 1, messagesReceived: 1, calls: [expect.objectContaining({ method: 'pay', ended: { OK: 0, PERMISSION_DENIED: 1 } })] });
    expect(logger.lines).toEqual([]);
  });

  test('does not learn which methods there are, nor whether its body would have been read', async () => {
    const calls = await connected(() => false);
    const plain = ({ code, reason, message, details, mayHaveRun }: MeshError): unknown => ({ code, reason, message, details, mayHaveRun });
    const errors = [];
    for (const method of ['pay', 'nobody-has-this', '__proto__', 'constructor']) errors.push(plain(await rejection(calls.call(method, 1))));
    // Deeper than what is read.
    errors.push(plain(await rejection(calls.call('pay', JSON.parse('['.repeat(900) + ']'.repeat(900))))));
    expect(new Set(errors.map((error) => JSON.stringify(error))).size).toBe(1);
    // What a peer made up is never a label.
    expect(denied()).toEqual([['client', 'pay', 'enforce', 1], ['client', '_OTHER', 'enforce', 1]]);
    expect(server.snapshot().calls.map(({ method }) => method).sort()).toEqual(['_OTHER', 'pay']);
    await server.stop();
    expect(audit.events.filter(({ details }) => details.action === 'auth.denied').reduce((sum, { details }) => sum + (details.messageCount ?? 0), 0)).toBe(5);
    expect(server.snapshot().authorizationDenied).toBe(5);
  });

  test('gets health nevertheless, and nobody is asked about it', async () => {
    let asked = 0;
    const calls = await connected(() => (asked++, false));
    expect(await calls.call('health')).toEqual({ service: 'server', status: 'healthy' });
    expect([asked, denied(), server.snapshot().authorizationDenied]).toEqual([0, [], 0]);
  });

  test.each(['Health', 'HEALTH', ' health', 'health ', 'health\u0000', 'he\u0430lth'])('gets no %j, which is another name', async (name) => {
    const calls = await connected(() => false);
    server.handle(name, () => runs.push(name));
    expect(await rejection(calls.call(name, 1))).toMatchObject({ reason: 'permission_denied', mayHaveRun: false });
    expect(runs).toEqual([]);
  });

  test('no interceptor hears of it', async () => {
    const calls = await connected(() => false);
    const seen: string[] = [];
    server.use((call, next) => (seen.push(call.method), next(call)));
    await rejection(calls.call('pay', 1));
    expect(seen).toEqual([]);
  });

  test('nothing leaves before a fail-closed trail has it', async () => {
    clock = new FakeClock();
    mesh = new TestMesh({ clock });
    const holding = new HoldingAudit(['message'], ['message.failed']);
    const strict = await mesh.started('strict', { audit: holding, authorize: () => false });
    strict.handle('pay', () => 1);
    const client = await mesh.started('client');
    const call = rejection(client.connect('strict').call('pay', 1, { timeoutMs: 60_000 }));
    let answered = false;
    void call.then(() => (answered = true));
    await holding.reached('message.failed');
    await turns(5);
    expect([holding.said.filter((said) => /auth.denied|message/.test(said)), answered]).toEqual([['auth.denied', 'hold message.failed'], false]);
    await holding.hold('message.failed');
    expect(await call).toMatchObject({ reason: 'permission_denied', mayHaveRun: false });
  });
});

describe('who is allowed', () => {
  test('is as if nobody had been asked', async () => {
    const calls = await connected((peer: PeerIdentity, method: string) => peer.id === 'spiffe://test/client' && method === 'pay');
    expect(await calls.call('pay', 7)).toBe(7);
    expect(await rejection(calls.call('refund', 7))).toMatchObject({ reason: 'permission_denied' });
    expect(runs).toEqual(['pay']);
  });

  test('learns that there is no such method', async () => {
    const calls = await connected(() => true);
    expect(await rejection(calls.call('refund', 7))).toMatchObject({ reason: 'unknown_method', mayHaveRun: false });
  });
});

describe('a function that does not decide denies', () => {
  const undecided: readonly [string, unknown][] = [
    ['throws', () => { throw new Error('the list is not loaded'); }],
    ['throws nothing', () => { throw undefined; }],
    ['answers a promise', () => Promise.resolve(true)],
    ['answers a promise that rejects', () => Promise.reject(new Error('seen by nobody'))],
    ['answers a thenable that throws', () => ({ get then(): never { throw new Error('hostile'); } })],
    ['answers 1', () => 1],
    ["answers 'true'", () => 'true'],
    ['answers an object', () => ({})],
    ['answers a Boolean object', () => Object(true) as unknown],
    ['answers null', () => null],
    ['answers nothing', () => undefined],
  ];
  test.each(undecided)('one that %s: the caller learns nothing of it, the log does, once a second', async (_what, authorize) => {
    const calls = await connected(authorize);
    for (let i = 0; i < 3; i++) expect(await rejection(calls.call('pay', 1))).toMatchObject({ reason: 'permission_denied', text: "'client' may not call this method of 'server'", mayHaveRun: false });
    expect(logger.lines).toEqual([expect.stringMatching(/^authorize (threw|answered no boolean but)/)]);
    await clock.advance(1_000);
    await rejection(calls.call('pay', 1));
    expect([logger.lines.length, runs]).toEqual([2, []]);
  });
});

describe("authorizeMode: 'audit'", () => {
  test('lets all run, and the trail has who would have been refused', async () => {
    const calls = await connected((_peer: PeerIdentity, method: string) => method === 'look', 'audit');
    server.handle('look', () => 'seen');
    expect([await calls.call('pay', 7), await calls.call('pay', 8), await calls.call('look', {})]).toEqual([7, 8, 'seen']);
    expect(await rejection(calls.call('refund', 7))).toMatchObject({ reason: 'unknown_method' });
    await clock.advance(1_000);
    expect(denied()).toEqual([['client', 'pay', 'audit', 1], ['client', '_OTHER', 'audit', 1], ['client', 'pay', 'audit', 1]]);
    const [event] = audit.events.filter(({ details }) => details.action === 'auth.denied');
    expect(event?.details).toMatchObject({ success: false, error: "permission_denied: 'client' may not call this method of 'server': let through, authorizeMode is audit" });
    expect(server.snapshot()).toMatchObject({ authorizationDenied: 3 });
  });

  test('so does a function that throws', async () => {
    const calls = await connected(() => { throw new Error('broken'); }, 'audit');
    expect(await calls.call('pay', 7)).toBe(7);
    expect(denied()).toEqual([['client', 'pay', 'audit', 1]]);
  });

  test('what a handler refuses there is refused', async () => {
    const calls = await connected(() => false, 'audit');
    server.handle('refund', () => {
      throw new MeshError('permission_denied', 'not you');
    });
    expect(await rejection(calls.call('refund', 7))).toMatchObject({ reason: 'permission_denied', text: 'not you', mayHaveRun: true });
    expect(denied()).toEqual([['client', 'refund', 'audit', 1], ['client', 'refund', 'enforce', 1]]);
  });
});

test.each([
  ['authorize', { authorize: {} }],
  ['authorize', { authorize: true }],
  ['authorizeMode', { authorize: () => true, authorizeMode: 'log' }],
])('%s: %j is no option', (path, options) => {
  [clock, mesh] = [new FakeClock(), new TestMesh()];
  expect(thrown(() => mesh.node('server', options as never))).toMatchObject({ reason: 'invalid_option', text: expect.stringMatching(new RegExp(`^${path}: `)) });
});
