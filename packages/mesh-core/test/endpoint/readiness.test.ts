import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import { Endpoint } from '../../src/endpoint/endpoint.js';
import { endpointPicker } from '../../src/endpoint/endpoint-picker.js';
import { chooseReady, worstState } from '../../src/endpoint/readiness.js';
import { FakeDialer } from '../support/fake-dialer.js';
import { ScriptedBreaker, ScriptedBreakers } from '../support/scripted-breaker.js';
import { RecordingAudit, TestMesh } from '../support/nodes.js';
import { rejection, turns } from '../support/wire.js';

function endpoint(port: number, breaker?: ScriptedBreaker): Endpoint {
  const clock = new FakeClock();
  return new Endpoint({ id: 's', host: 'h', port }, new FakeDialer(clock).asDialer, clock, { initialMs: 100, maxMs: 5_000 }, { onConnected: () => {}, onDisconnected: () => {}, onFailed: () => {} }, breaker);
}

describe('choosing among endpoints with breakers', () => {
  test.each(['round-robin', 'random', 'least-loaded'] as const)('%s: those that are open get nothing, and the others share it', (strategy) => {
    const breakers = [new ScriptedBreaker(), new ScriptedBreaker(), new ScriptedBreaker()];
    const endpoints = breakers.map((breaker, index) => endpoint(index + 1, breaker));
    (breakers[1] as ScriptedBreaker).state = 'open';
    const pick = endpointPicker(strategy);
    const chosen = new Set(Array.from({ length: 200 }, () => chooseReady(endpoints, pick, 0).node.port));
    expect([...chosen].sort()).toEqual([1, 3]);
  });

  test('where all are open it is the one that is ready first', () => {
    const breakers = [3_000, 1_000, 2_000].map((retryAfterMs) => Object.assign(new ScriptedBreaker(), { state: 'open' as const, retryAfterMs }));
    const endpoints = breakers.map((breaker, index) => endpoint(index + 1, breaker));
    expect(chooseReady(endpoints, endpointPicker('round-robin'), 0).node.port).toBe(2);
  });

  test('one without a breaker is always ready', () => {
    const open = Object.assign(new ScriptedBreaker(), { state: 'open' as const });
    const endpoints = [endpoint(1, open), endpoint(2)];
    const pick = endpointPicker('round-robin');
    expect(new Set(Array.from({ length: 10 }, () => chooseReady(endpoints, pick, 0).node.port))).toEqual(new Set([2]));
  });

  test('the worst state: open, half-open, closed', () => {
    expect([worstState([]), worstState(['closed', 'half-open']), worstState(['half-open', 'open', 'closed'])]).toEqual(['closed', 'half-open', 'open']);
  });
});

describe('a node whose endpoints have breakers', () => {
  async function pair(): Promise<{ mesh: TestMesh; breakers: ScriptedBreakers; call: (options?: { timeoutMs?: number; signal?: AbortSignal }) => Promise<unknown>; breaker: () => ScriptedBreaker; state: () => string; ran: () => number; clock: FakeClock }> {
    const clock = new FakeClock();
    const breakers = new ScriptedBreakers();
    const mesh = new TestMesh({ clock, audit: new RecordingAudit() });
    let runs = 0;
    const server = await mesh.started('server', {}, (node) => {
      node.handle('run', (input) => {
        runs++;
        if (input === 'hang') return new Promise(() => {});
        return input;
      });
    });
    const client = await mesh.started('client', { breakers });
    const peer = client.connect('server');
    while (client.snapshot().sessions.outbound === 0) await turns();
    return {
      mesh, breakers, clock,
      call: (options) => peer.call('run', options === undefined ? 1 : 'hang', options),
      breaker: () => breakers.get(`server 127.0.0.1:${server.port as number}`),
      state: () => client.snapshot().circuitBreakerState,
      ran: () => runs,
    };
  }

  test('one that is open lets no call through: it fails at once, with its refusal, and the snapshot says so', async () => {
    const { mesh, call, breaker, state, ran, clock } = await pair();
    expect([await call(), state(), breaker().settled]).toEqual([1, 'closed', [{ ticket: 1, code: 'OK', answered: true }]]);
    breaker().state = 'open';
    expect(await rejection(call())).toMatchObject({ code: 'UNAVAILABLE', reason: 'circuit_open', mayHaveRun: false, retryAfterMs: 1_000 });
    expect([ran(), state()]).toEqual([1, 'open']);
    breaker().state = 'half-open';
    expect([await call(), state()]).toEqual([1, 'half-open']);
    await stopped(mesh, clock);
  });

  test('a deadline counts, also that of an AbortSignal.timeout; a cancellation does not', async () => {
    const { mesh, call, breaker, clock } = await pair();
    const late = rejection(call({ timeoutMs: 50 }));
    await turns();
    await clock.advance(60);
    expect(MeshError.is(await late)).toBe(true);
    const timeout = new AbortController();
    const timed = rejection(call({ signal: timeout.signal }));
    await turns();
    timeout.abort(new DOMException('the time was up', 'TimeoutError'));
    await timed;
    const cancel = new AbortController();
    const cancelled = rejection(call({ signal: cancel.signal }));
    await turns();
    cancel.abort();
    await cancelled;
    expect(breaker().settled.map(({ code }) => code)).toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'CANCELLED']);
    await stopped(mesh, clock);
  });

  async function stopped(mesh: TestMesh, clock: FakeClock): Promise<void> {
    const ends = mesh.stop();
    await turns(10);
    await clock.advance(30_000);
    await ends;
  }
});
