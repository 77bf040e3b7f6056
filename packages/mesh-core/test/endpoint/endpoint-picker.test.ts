import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EndpointLoad } from '../../src/endpoint/endpoint-load.js';
import { endpointPicker, type Candidate, type EndpointPicker } from '../../src/endpoint/endpoint-picker.js';
import { LOAD_BALANCING_STRATEGIES, type LoadBalancingStrategy } from '../../src/endpoint/load-balancing.js';
import { SlowStart } from '../../src/endpoint/slow-start.js';
import { draws } from '../support/draws.js';

interface Shown {
  /** Calls in flight; `undefined` = no session. */
  readonly calls?: number | undefined;
  /** Latency, in ms; `undefined` = unknown. */
  readonly ms?: number | undefined;
  readonly since?: number;
  /** Calls have waited that long, and nothing has come; in ms. */
  readonly silentMs?: number;
}

function candidate({ calls, ms, since = -60_000, silentMs = 0 }: Shown): Candidate {
  const load = new EndpointLoad();
  load.connected(since);
  if (ms !== undefined) load.latency.observe(ms, 0);
  return { load, node: { id: 's', host: 'h', port: 1 }, session: calls === undefined ? undefined : { outstanding: calls, silentMs: () => silentMs } } as unknown as Candidate;
}

const candidates = (...shown: readonly Shown[]): Candidate[] => shown.map(candidate);

function pickerOf(strategy: LoadBalancingStrategy, list: readonly Candidate[], random: () => number = draws()): EndpointPicker {
  const slowStart = new SlowStart(10_000);
  slowStart.replace(list.map(({ load }) => load));
  return endpointPicker(strategy, slowStart, random);
}

/** Share of each in so many choices. */
function shares(strategy: LoadBalancingStrategy, list: readonly Candidate[], now = 0, times = 6_000): number[] {
  const pick = pickerOf(strategy, list);
  const counts = list.map(() => 0);
  for (let i = 0; i < times; i++) counts[list.indexOf(pick(list, now))]!++;
  return counts.map((count) => count / times);
}

describe('least-loaded', () => {
  test('of two it takes the one with fewer calls in flight, where both are about as quick', () => {
    expect(shares('least-loaded', candidates({ calls: 5, ms: 10 }, { calls: 4, ms: 11 }))).toEqual([0, 1]);
  });

  test('a slow one is taken only when the others have as many times more in flight', () => {
    expect(shares('least-loaded', candidates({ calls: 0, ms: 1_000 }, { calls: 50, ms: 10 }))).toEqual([0, 1]);
    expect(shares('least-loaded', candidates({ calls: 0, ms: 1_000 }, { calls: 200, ms: 10 }))).toEqual([1, 0]);
  });

  test('one that lets its calls wait and says nothing at all is as slow as that, however quick it was', () => {
    expect(shares('least-loaded', candidates({ calls: 4, ms: 10, silentMs: 100 }, { calls: 20, ms: 10 }))).toEqual([0, 1]);
    expect(shares('least-loaded', candidates({ calls: 4, ms: 10, silentMs: 10 }, { calls: 20, ms: 10 }))).toEqual([1, 0]);
  });

  test('one that nothing is known of is tried, with one call', () => {
    expect(shares('least-loaded', candidates({ calls: 0 }, { calls: 0, ms: 1 }))).toEqual([1, 0]);
    expect(shares('least-loaded', candidates({ calls: 1 }, { calls: 20, ms: 1 }))).toEqual([0, 1]);
  });

  test('equals share the calls of a lone caller', () => {
    for (const share of shares('least-loaded', candidates({ calls: 0, ms: 1 }, { calls: 0, ms: 1.1 }, { calls: 0, ms: 0.9 }))) expect(share).toBeCloseTo(1 / 3, 1);
  });

  test('two choices: the worst of all is never taken, any other may be', () => {
    const list = fc.array(fc.record({ calls: fc.nat(100), ms: fc.integer({ min: 1, max: 1_000 }) }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(list, fc.nat(), (shown, seed) => {
        const worst = candidate({ calls: 1_000_000, ms: 10_000 });
        const all = [...candidates(...shown), worst];
        const pick = pickerOf('least-loaded', all, draws(seed));
        for (let i = 0; i < 50; i++) expect(pick(all, 0)).not.toBe(worst);
      }),
      { numRuns: 50 },
    );
    const three = shares('least-loaded', candidates({ calls: 0, ms: 10 }, { calls: 0, ms: 100 }, { calls: 0, ms: 1_000 }));
    expect(three[0]).toBeCloseTo(2 / 3, 1);
    expect(three[1]).toBeCloseTo(1 / 3, 1);
    expect(three[2]).toBe(0);
  });
});

describe('round-robin and random', () => {
  test('round-robin goes round, from a random start', () => {
    const list = candidates({ calls: 9 }, { calls: 0 }, { calls: 0 });
    const pick = pickerOf('round-robin', list);
    const first = list.indexOf(pick(list, 0));
    const turns = Array.from({ length: 6 }, () => list.indexOf(pick(list, 0)));
    expect(turns).toEqual(Array.from({ length: 6 }, (_, index) => (first + 1 + index) % 3));
    const starts = new Set(Array.from({ length: 50 }, (_, seed) => list.indexOf(pickerOf('round-robin', list, draws(seed * 7_919))(list, 0))));
    expect(starts.size).toBe(3);
  });

  test('random draws evenly, whatever the load', () => {
    for (const share of shares('random', candidates({ calls: 9 }, { calls: 0 }, { calls: 0 }, { calls: 1 }))) expect(share).toBeCloseTo(1 / 4, 1);
  });
});

describe.each(LOAD_BALANCING_STRATEGIES)('%s', (strategy) => {
  test('the share of one that is new grows', () => {
    const list = candidates({ calls: 0, ms: 10 }, { calls: 0, ms: 10 }, { calls: 0, ms: 10, since: 0 });
    const grown = [500, 2_500, 5_000, 10_000].map((now) => shares(strategy, list, now)[2] as number);
    for (const [index, weight] of [0.1, 0.25, 0.5, 1].entries()) expect(Math.abs((grown[index] as number) - weight / (2 + weight))).toBeLessThan(0.08);
    expect(grown).toEqual([...grown].sort((a, b) => a - b));
  });

  test('that one gets little although nothing is known of it, and it is idle', () => {
    const [, share] = shares(strategy, candidates({ calls: 3, ms: 10 }, { calls: 0, since: 0 }), 500);
    expect(share).toBeLessThan(0.15);
    expect(share).toBeGreaterThan(0.05);
  });

  test('one without a session is not taken where another has one', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 4 }), fc.nat(4), (calls, gone) => {
        const list = candidates(...calls.map((each) => ({ calls: each, ms: 5 })));
        list.splice(gone, 0, candidate({}));
        const pick = pickerOf(strategy, list);
        for (let i = 0; i < 20; i++) expect(pick(list, 0).session).toBeDefined();
      }),
      { numRuns: 50 },
    );
  });
});
