import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { FaultyNetwork } from './support/faulty-network.js';
import { NAMESPACE_FAULTS, NamespaceNetwork } from './support/namespace-network.js';
import { whyNoNamespaces } from './support/network-namespace.js';
import { brokenPromises, mostAttempts, Partition, type EndedCall } from './support/partition.js';
import { PROXY_FAULTS, ProxyNetwork } from './support/proxy-network.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const SOAK = Number(process.env['MESH_SOAK'] ?? 1);
const whyNot = whyNoNamespaces();
if (whyNot !== undefined) process.stderr.write(`partitions: no network namespaces here (${whyNot}): proxies alone stand between the processes\n`);

const INSTANCES = 2;
const BACKOFF = { initialMs: 50, maxMs: 500 };
const LIMITS = { idlePingMs: 200, deadAfterMs: 300 };
const DETECTED_AFTER_MS = LIMITS.idlePingMs + LIMITS.deadAfterMs;
const FAULT_MS = 1_300;
/** Beyond what the caller's own event loop was late by. */
const SLACK_MS = 500;
/** 20 in a test of each change, 1,000 with `npm run soak`. */
const cyclesOf = (ordinary: number): number => (SOAK === 1 ? ordinary : 50 * SOAK);
const PATIENCE_MS = (cycles: number): number => 60_000 + cycles * 6_000;
/** Networks at once, each with some of the cycles: they wait for most of the time. */
const NETWORKS = 2;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** Such faults are seen by nobody but those who wait. */
const isSilent = (fault: string): boolean => /cut|stalled|down/.test(fault);

/** Each fault in turn: at one instance, at the other, at both. */
async function partitioned<Fault extends string>(make: () => FaultyNetwork<Fault>, faults: readonly Fault[], cycles: number): Promise<void> {
  await Promise.all(Array.from({ length: NETWORKS }, (_, first) => someCycles(make(), faults, first, cycles)));
}

async function someCycles<Fault extends string>(network: FaultyNetwork<Fault>, faults: readonly Fault[], first: number, cycles: number): Promise<void> {
  const partition = await Partition.start(bed, network, { ...LIMITS, backoff: BACKOFF, callers: 12, timeoutMs: [1_000, 2_000] });
  const figures = { reconnectedMs: 0, lateMs: -Infinity, waitedMs: 0, lost: 0 };
  for (let cycle = first; cycle < cycles; cycle += NETWORKS) {
    const fault = faults[cycle % faults.length] as Fault;
    const scope = Math.floor(cycle / faults.length) % 3;
    const hit = scope === 2 ? [0, 1] : [scope];
    const where = `cycle ${cycle}: ${fault} of ${hit.join(' and ')}`;
    const before = await partition.now();
    for (const instance of hit) network.inflict(instance, fault);
    await pause(FAULT_MS);
    for (const instance of hit) network.heal(instance);
    const { healedAt, reconnectedMs, now, attempts } = await partition.healed();
    const sharedMs = await partition.shared();
    const { calls, lagMs } = await partition.ended();

    const slackMs = SLACK_MS + lagMs;
    const problems: string[] = [];
    if (reconnectedMs < 0 || reconnectedMs > BACKOFF.maxMs + 1_000 + lagMs) problems.push(`reconnected after ${reconnectedMs} ms`);
    // One that was slow gets calls as the memory of that fades, with a time constant of 10 s.
    if (sharedMs < 0) problems.push('not every instance had calls again');
    const most = hit.length * mostAttempts(now - before.now, BACKOFF);
    if (attempts - before.attempts > most) problems.push(`${attempts - before.attempts} dials within ${now - before.now} ms, of ${most}`);
    for (const { key, lateMs } of calls) if (lateMs > slackMs) problems.push(`call ${key} ended ${lateMs} ms after its deadline`);
    if (hit.length < INSTANCES) problems.push(...lostThoughOneWasThere(calls), ...(isSilent(fault) ? waitedForTheDead(calls, before.now + DETECTED_AFTER_MS + slackMs, healedAt, slackMs) : []));
    expect({ where, problems }).toEqual({ where, problems: [] });

    figures.reconnectedMs = Math.max(figures.reconnectedMs, reconnectedMs);
    figures.lateMs = Math.max(figures.lateMs, ...calls.map(({ lateMs }) => lateMs));
    figures.lost += calls.filter(({ ok }) => !ok).length;
  }
  const { made, audited, runs } = await partition.finish();
  expect([partition.calls.length, new Set(partition.calls.map(({ key }) => key)).size, audited]).toEqual([made, made, made]);
  expect(brokenPromises(partition.calls, runs)).toEqual([]);
  process.stderr.write(`${Math.ceil((cycles - first) / NETWORKS)} partitions, ${made} calls: ${figures.lost} failed, the latest ${Math.round(figures.lateMs)} ms after its deadline; reconnected within ${Math.round(figures.reconnectedMs)} ms\n`);
}

/** Retried at the other instance. */
const lostThoughOneWasThere = (calls: readonly EndedCall[]): string[] => calls.filter(({ ok, idempotent }) => idempotent && !ok).map(({ key, message }) => `call ${key}, idempotent, failed: ${message}`);

/** Once the silent one is known to be gone nobody waits for it. */
const waitedForTheDead = (calls: readonly EndedCall[], from: number, to: number, slackMs: number): string[] =>
  calls.filter(({ startedAt, ok, tookMs }) => startedAt > from && startedAt < to && (!ok || tookMs > slackMs)).map(({ key, tookMs, reason }) => `call ${key}, made after that, took ${tookMs} ms (${reason ?? 'a result'})`);

describe('partitions under load: each call ends once and in time, none runs twice, sessions are back soon and without a storm', () => {
  const inNamespaces = whyNot === undefined ? test : test.skip;
  const cycles = cyclesOf(20);
  inNamespaces(`${cycles} in network namespaces`, () => partitioned(() => new NamespaceNetwork(INSTANCES), NAMESPACE_FAULTS, cycles), PATIENCE_MS(cycles));

  const others = cyclesOf(whyNot === undefined ? PROXY_FAULTS.length : 20);
  test(`${others} in proxies`, () => partitioned(() => new ProxyNetwork(INSTANCES), PROXY_FAULTS, others), PATIENCE_MS(others));
});

/** With the keep-alive's defaults, so that deadlines and breakers find out by themselves: here in either network. */
describe('an instance that is cut off for less than the keep-alive needs to see it', () => {
  const TIMEOUT_MS = 500;
  const CALLERS = 12;
  const cutOff = async <Fault extends string>(network: FaultyNetwork<Fault>, fault: Fault): Promise<void> => {
    const partition = await Partition.start(bed, network, { callers: CALLERS, timeoutMs: [TIMEOUT_MS, TIMEOUT_MS] });
    const cut = async (hit: readonly number[], ms: number) => {
      const { now } = await partition.now();
      for (const instance of hit) network.inflict(instance, fault);
      await pause(ms);
      for (const instance of hit) network.heal(instance);
      const { healedAt } = await partition.healed();
      const servedMs = await partition.served();
      const { calls, lagMs } = await partition.ended();
      return { cutAt: now, healedAt, servedMs, calls, slackMs: SLACK_MS + lagMs };
    };
    // One of two: a call that times out is enough, and then nobody is sent there, nor waits.
    const one = await cut([0], 2_500);
    const lost = one.calls.filter(({ ok }) => !ok);
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThanOrEqual(CALLERS);
    expect(waitedForTheDead(one.calls, one.cutAt + TIMEOUT_MS + one.slackMs, one.healedAt, one.slackMs)).toEqual([]);
    // Both: no breaker keeps calls back for its minute once they answer again. TCP repeats after twice as long each time.
    const both = await cut([0, 1], 2_000);
    expect(both.servedMs).toBeGreaterThanOrEqual(0);
    expect(both.servedMs).toBeLessThanOrEqual(5_000 + both.slackMs);
    // What was not written while they were silent is known not to have run.
    const { audited, made, runs } = await partition.finish();
    expect(partition.calls.filter(({ mayHaveRun }) => mayHaveRun === false).length).toBeGreaterThan(0);
    expect([audited, partition.calls.length]).toEqual([made, made]);
    expect(brokenPromises(partition.calls, runs)).toEqual([]);
    process.stderr.write(`cut off for 2.5 s: ${lost.length} of ${one.calls.length} calls lost; both for 2 s: a call answered ${Math.round(both.servedMs)} ms after\n`);
  };

  const inNamespaces = whyNot === undefined ? test : test.skip;
  inNamespaces('in network namespaces', () => cutOff(new NamespaceNetwork(INSTANCES), 'cut both ways'), 60_000);
  test('in proxies', () => cutOff(new ProxyNetwork(INSTANCES), 'stalled both ways'), 60_000);
});
