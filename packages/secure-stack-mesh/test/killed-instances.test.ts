import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { SecureMeshOptions } from '../src/options.js';
import { CountedInstances } from './support/counted-instances.js';
import { Random } from './support/random.js';
import { SurvivingCalls } from './support/surviving-calls.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

/** `npm run soak` lasts longer. */
const DURATION_MS = process.env['MESH_SOAK'] === undefined ? 7_000 : 60_000;
const PATIENCE_MS = DURATION_MS + 100_000;
const CALLERS = 64;
const PLACES = [0, 1, 2];
/** However long that takes. */
const LEAST = 6;
/** An instance lives for a second or two: of so many calls a few lose three connections in a row, by chance alone. */
const retry = { maxAttempts: 6 };

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

interface Run {
  readonly random: Random;
  readonly instances: CountedInstances;
  readonly calls: SurvivingCalls;
  readonly counts: Record<string, number>;
  /** Does something to a place, again and again, while so many are there. */
  harass(least: number, act: (place: number) => Promise<void>): Promise<void>;
}

async function run(options: Partial<SecureMeshOptions>, fixedPorts = false): Promise<Run> {
  const random = new Random();
  const instances = new CountedInstances(bed, fixedPorts);
  await Promise.all(PLACES.map((place) => instances.start(place)));
  const services = instances.ports.map((port) => ({ id: 'payments', host: '127.0.0.1', port }));
  const caller = await bed.running({ serviceId: 'orders', monitoring: { enabled: false }, resilience: { retry }, ...options, ...(fixedPorts ? { discovery: { services } } : {}) });
  const calls = new SurvivingCalls(caller, random, CALLERS);
  await until('all answer', () => calls.ended > 500);
  let done = 0;
  const endsAt = performance.now() + DURATION_MS;
  const harass = async (least: number, act: (place: number) => Promise<void>): Promise<void> => {
    const one = async (place: number): Promise<void> => {
      while (performance.now() < endsAt || done < LEAST) {
        await wait(random.below(800));
        if (instances.up < least) continue;
        done++;
        await act(place);
      }
    };
    await Promise.all(PLACES.map(one));
  };
  return { random, instances, calls, counts: {}, harass };
}

/** All that came last answer, without a restart of who calls; and then nothing is wrong with any call. */
async function expectSurvived(what: string, { random, instances, calls, counts }: Run): Promise<void> {
  const { seed } = random;
  const answeredBy = calls.answeredBy();
  await until('all instances answer', () => PLACES.every((place) => answeredBy.has(instances.pidOf(place))), 30_000);
  await calls.end();
  // For who looks at a soak.
  const figures = { seed, calls: calls.ended, failed: calls.failures.length, longestMs: Math.round(calls.longestMs), ...counts, processes: instances.started };
  process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
  expect({ seed, problems: calls.problems(instances.runs()).slice(0, 20) }).toEqual({ seed, problems: [] });
}

const add = (counts: Record<string, number>, what: string): void => void (counts[what] = (counts[what] ?? 0) + 1);

describe('a service of three instances under 64 callers: what may run twice is always answered, nothing else runs twice, and what fails says whether it may have run', () => {
  test.each([
    ['killed, ended and started again at random', false],
    ['the same, each at the same port as before', true],
  ])('%s', async (what, fixedPorts) => {
    const all = await run({}, fixedPorts);
    const { instances, random, counts } = all;
    await all.harass(2, async (place) => {
      const how = random.below(2) === 0 ? 'SIGKILL' : 'SIGTERM';
      add(counts, how);
      if (instances.up === 2) add(counts, 'one left');
      const { code, signal, stderr } = await instances.end(place, how);
      if (how === 'SIGTERM') expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
      await wait(random.below(300));
      await instances.start(place);
    });
    await expectSurvived(what, all);
  }, PATIENCE_MS);

  test('one hangs for a while, or until it is killed, then another', async () => {
    const all = await run({ limits: { idlePingMs: 500, deadAfterMs: 1_500 } });
    const { instances, random, counts } = all;
    await all.harass(3, async (place) => {
      add(counts, 'SIGSTOP');
      instances.hang(place);
      await wait(random.below(4_000));
      if (random.below(2) === 0) return instances.goOn(place);
      add(counts, 'SIGKILL');
      await instances.end(place, 'SIGKILL');
      await instances.start(place);
    });
    await expectSurvived('one hangs', all);
  }, PATIENCE_MS);
});
