import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import { Balancer } from '../../src/endpoint/balancer.js';
import { EndpointLoad } from '../../src/endpoint/endpoint-load.js';
import type { Endpoint } from '../../src/endpoint/endpoint.js';
import { completeLoadBalancing, LOAD_BALANCING_STRATEGIES, type LoadBalancingStrategy } from '../../src/endpoint/load-balancing.js';
import { chooseReady, worstState } from '../../src/endpoint/readiness.js';
import { ScriptedBreaker, ScriptedBreakers } from '../support/scripted-breaker.js';
import { RecordingAudit, TestMesh } from '../support/nodes.js';
import { rejection, turns } from '../support/wire.js';

interface Silence {
  /** It has been silent for so long that it is asked first. */
  stale: boolean;
  asked: number;
}

/** An instance that is connected. */
function instance(port: number, breaker?: ScriptedBreaker, silence: Silence = { stale: false, asked: 0 }): Endpoint {
  const session = { outstanding: 0, silentMs: () => 0, session: { isStale: () => silence.stale, verify: () => silence.asked++ } };
  return { node: { id: 's', host: 'h', port }, breaker, session, load: new EndpointLoad() } as unknown as Endpoint;
}

function choices(instances: readonly Endpoint[], strategy: LoadBalancingStrategy = 'round-robin', draws = 200): (number | undefined)[] {
  const balancer = new Balancer<Endpoint>(completeLoadBalancing({ strategy, slowStartMs: 0 }), () => {});
  balancer.replace(instances, 0);
  return [...new Set(Array.from({ length: draws }, () => chooseReady(balancer, instances, 0)?.node.port))].sort();
}

describe.each(LOAD_BALANCING_STRATEGIES)('choosing by %s', (strategy) => {
  test('those whose breaker is open get nothing, and the others share it', () => {
    const open = Object.assign(new ScriptedBreaker(), { state: 'open' as const });
    expect(choices([instance(1, new ScriptedBreaker()), instance(2, open), instance(3, new ScriptedBreaker())], strategy)).toEqual([1, 3]);
  });

  test('one that has been silent is asked, and keeps no call waiting while others are there', () => {
    const silence = { stale: true, asked: 0 };
    expect(choices([instance(1, undefined, silence), instance(2), instance(3)], strategy)).toEqual([2, 3]);
    expect(silence.asked).toBeGreaterThan(0);
    silence.stale = false;
    expect(choices([instance(1, undefined, silence), instance(2), instance(3)], strategy)).toEqual([1, 2, 3]);
  });
});

describe('choosing where none takes a call at once', () => {
  test('all are open: the one that is ready first', () => {
    const breakers = [3_000, 1_000, 2_000].map((retryAfterMs) => Object.assign(new ScriptedBreaker(), { state: 'open' as const, retryAfterMs }));
    expect(choices(breakers.map((breaker, index) => instance(index + 1, breaker)))).toEqual([2]);
    // An error for each of many instances, with each call, would cost more than the calls do.
    expect(breakers.map(({ refusals }) => refusals)).toEqual([0, 0, 0]);
  });

  test('all are silent: each is asked, and the call waits', () => {
    const silences = [1, 2].map(() => ({ stale: true, asked: 0 }));
    expect(choices(silences.map((silence, index) => instance(index + 1, undefined, silence)), 'round-robin', 1)).toEqual([undefined]);
    expect(silences.map(({ asked }) => asked > 0)).toEqual([true, true]);
  });

  test('one is open, the other silent: the call waits for the answer of that one', () => {
    const silence = { stale: true, asked: 0 };
    const open = Object.assign(new ScriptedBreaker(), { state: 'open' as const });
    expect(choices([instance(1, open), instance(2, undefined, silence)])).toEqual([undefined]);
    expect(silence.asked).toBeGreaterThan(0);
  });

  test('one that is ejected is better than one whose breaker is open', () => {
    const open = Object.assign(new ScriptedBreaker(), { state: 'open' as const });
    const ejected = instance(2);
    const instances = [instance(1, open), ejected];
    const balancer = new Balancer<Endpoint>(completeLoadBalancing({ slowStartMs: 0 }), () => {});
    balancer.replace(instances, 0);
    for (let i = 0; i < 5; i++) ejected.load.ended(1, 0, new MeshError('handler_failed', 'no'));
    expect(ejected.load.record.ejectedUntil).toBeDefined();
    expect(chooseReady(balancer, instances, 0)?.node.port).toBe(2);
  });

  test('while one is open, one that is ejected gets nothing as long as there is a third', () => {
    const open = Object.assign(new ScriptedBreaker(), { state: 'open' as const });
    const [ejected, good] = [instance(2), instance(3)];
    const instances = [instance(1, open), ejected, good];
    const balancer = new Balancer<Endpoint>(completeLoadBalancing({ strategy: 'random', slowStartMs: 0 }), () => {});
    balancer.replace(instances, 0);
    for (let i = 0; i < 5; i++) ejected.load.ended(1, 0, new MeshError('handler_failed', 'no'));
    expect(ejected.load.record.ejectedUntil).toBeDefined();
    for (let i = 0; i < 100; i++) expect(chooseReady(balancer, instances, 0)?.node.port).toBe(3);
  });

  test('none is connected any more', () => {
    expect(choices([])).toEqual([undefined]);
  });
});

describe('breakers of the instances of a service', () => {
  test('one without a breaker is always ready', () => {
    const open = Object.assign(new ScriptedBreaker(), { state: 'open' as const });
    expect(choices([instance(1, open), instance(2)])).toEqual([2]);
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
