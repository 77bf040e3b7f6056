import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import type { FoundInstances, InstanceAddress } from '../src/service-look-up.js';
import { MAX_INSTANCES, WatchedName, type WatchedNameParts } from '../src/watched-name.js';
import { Lines } from './support/lines.js';

const servfail = new MeshError('discovery_failed', 'cannot look up SRV x: SERVFAIL');
const at = (...ports: number[]): InstanceAddress[] => ports.map((port) => ({ host: '10.0.0.1', port }));

interface Rig {
  readonly clock: FakeClock;
  readonly name: WatchedName;
  readonly lines: Lines;
  /** When it was looked up, monotonic ms. */
  readonly lookUps: number[];
  /** Sets that a watcher heard, as ports. */
  readonly heard: string[];
  readonly failures: (string | undefined)[];
  says(ports: readonly number[], ttl?: number): void;
  fails(error?: MeshError): void;
  watch(): () => void;
}

const open: Rig[] = [];
afterEach(() => {
  for (const { name, clock } of open.splice(0)) {
    name.close();
    expect(clock.pendingTimers).toBe(0);
  }
});

function rig(parts: Partial<WatchedNameParts> = {}): Rig {
  const [clock, lines, lookUps, heard, failures] = [new FakeClock(), new Lines(), [] as number[], [] as string[], [] as (string | undefined)[]];
  let next: FoundInstances | MeshError = { instances: [], ttl: 0 };
  const name = new WatchedName({
    name: 'SRV x',
    minTtlMs: 1_000,
    maxTtlMs: 60_000,
    emptyAfterMs: 10_000,
    logger: lines,
    clock,
    random: () => 0,
    find: () => {
      lookUps.push(clock.monotonic());
      return next instanceof MeshError ? Promise.reject(next) : Promise.resolve(next);
    },
    ...parts,
  });
  const watch = (): (() => void) => name.watch({ onInstances: (instances) => heard.push(instances.map(({ port }) => port).join()), onLookUp: (error) => failures.push(error?.text) });
  const made: Rig = {
    clock, name, lines, lookUps, heard, failures, watch,
    says: (ports, ttl = 5) => void (next = { instances: at(...ports), ttl }),
    fails: (error = servfail) => void (next = error),
  };
  open.push(made);
  return made;
}

describe('looking up again', () => {
  test('when the time to live is over, and tells of changes only', async () => {
    const { clock, lookUps, heard, says, watch } = rig();
    says([1], 5);
    watch();
    await clock.advance(4_999);
    expect(lookUps).toEqual([0]);
    says([2, 1]);
    await clock.advance(1);
    says([1, 2]);
    await clock.advance(5_000);
    says([2]);
    await clock.advance(5_000);
    expect(lookUps).toEqual([0, 5_000, 10_000, 15_000]);
    expect(heard).toEqual(['1', '1,2', '2']);
  });

  test.each([
    [0, 1_000],
    [0.5, 1_000],
    [30, 30_000],
    [3_600, 60_000],
    [Infinity, 60_000],
  ])('a time to live of %d s: after %d ms', async (ttl, ms) => {
    const { clock, lookUps, says, watch } = rig();
    says([1], ttl);
    watch();
    await clock.advance(ms - 1);
    expect(lookUps).toEqual([0]);
    await clock.advance(1);
    expect(lookUps).toEqual([0, ms]);
  });

  test('spread over a tenth of it', async () => {
    const { clock, lookUps, says, watch } = rig({ random: () => 0.5 });
    says([1], 10);
    watch();
    await clock.advance(10_499);
    expect(lookUps).toEqual([0]);
    await clock.advance(1);
    expect(lookUps).toHaveLength(2);
  });

  test('watchers, and who asks, share look-ups; who comes later hears what is known, not from within watch()', async () => {
    const { clock, name, lookUps, heard, says, watch } = rig();
    says([1]);
    watch();
    watch();
    expect(await Promise.all([name.instances(), name.instances()])).toEqual([at(1), at(1)]);
    await clock.advance(2_000);
    expect([lookUps, heard]).toEqual([[0], ['1', '1']]);
    watch();
    expect(heard).toHaveLength(2);
    await clock.advance(2_000);
    expect([lookUps, heard]).toEqual([[0], ['1', '1', '1']]);
    await clock.advance(1_000);
    expect(lookUps).toEqual([0, 5_000]);
  });

  test('ends with the last watcher, and goes on with the next', async () => {
    const { clock, lookUps, says, watch } = rig();
    says([1]);
    const [first, second] = [watch(), watch()];
    await clock.advance(1_000);
    first();
    first();
    await clock.advance(5_000);
    expect(lookUps).toHaveLength(2);
    second();
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(60_000);
    expect(lookUps).toHaveLength(2);
    watch();
    await clock.advance(0);
    expect(lookUps).toHaveLength(3);
  });

  test('who has ended hears nothing of a look-up that was under way, and it arms no timer', async () => {
    const { clock, heard, failures, says, watch } = rig();
    says([1]);
    watch()();
    await clock.advance(0);
    expect([heard, failures, clock.pendingTimers]).toEqual([[], [], 0]);
  });

  test('asking without a watch is answered from memory until the time to live is over', async () => {
    const { clock, name, lookUps, says } = rig();
    says([1], 5);
    await name.instances();
    says([2], 5);
    await clock.advance(4_999);
    expect(await name.instances()).toEqual(at(1));
    await clock.advance(1);
    expect([await name.instances(), lookUps, clock.pendingTimers]).toEqual([at(2), [0, 5_000], 0]);
  });

  test('a listener that throws takes nothing from the others', async () => {
    const { clock, name, heard, lines, says, watch } = rig();
    says([1]);
    name.watch({ onInstances: () => { throw new Error('theirs'); } });
    watch();
    await clock.advance(5_000);
    expect([heard, lines.all]).toEqual([['1'], ['error a listener of SRV x threw: theirs']]);
  });
});

describe('a resolver that fails', () => {
  test('takes nobody away, is told with each look-up, and asked ever less often, within 5 s', async () => {
    const { clock, lookUps, heard, failures, says, fails, watch } = rig();
    says([1, 2], 1);
    watch();
    await clock.advance(0);
    fails();
    await clock.advance(21_500);
    expect(lookUps).toEqual([0, 1_000, 1_500, 2_500, 4_500, 8_500, 13_500, 18_500]);
    expect([heard, failures]).toEqual([['1,2'], [undefined, ...Array<string>(7).fill(servfail.text)]]);
    says([2, 3], 1);
    await clock.advance(2_000);
    expect([heard, failures.at(-1)]).toEqual([['1,2', '2,3'], undefined]);
    fails();
    await clock.advance(1_500);
    expect(lookUps.slice(-2)).toEqual([24_500, 25_000]);
  });

  test('asking gives what is known; an error only where nobody is', async () => {
    const { clock, name, says, fails } = rig();
    fails();
    await expect(name.instances()).rejects.toBe(servfail);
    await clock.advance(1_000);
    says([], 1);
    expect(await name.instances()).toEqual([]);
    await clock.advance(1_000);
    fails();
    await expect(name.instances()).rejects.toBe(servfail);
    says([1], 1);
    await clock.advance(1_000);
    expect(await name.instances()).toEqual(at(1));
    fails();
    await clock.advance(3_600_000);
    expect(await name.instances()).toEqual(at(1));
  });

  test('is not asked again by each who asks meanwhile', async () => {
    const { clock, name, lookUps, fails } = rig();
    fails();
    for (let i = 0; i < 4; i++) {
      await expect(name.instances()).rejects.toBe(servfail);
      await clock.advance(100);
    }
    expect(lookUps).toEqual([0]);
  });

  test('is logged once where a watcher does not hear of it, and so is its return', async () => {
    const { clock, name, lines, says, fails } = rig();
    says([1, 2]);
    name.watch({ onInstances: () => {} });
    await clock.advance(0);
    fails();
    await clock.advance(30_000);
    says([1]);
    await clock.advance(10_000);
    expect(lines.all).toEqual([`warn ${servfail.text}; 2 instance(s) stay known`, 'info SRV x is answered again']);
  });

  test('in part: what was found counts, and it is asked again soon', async () => {
    const found: FoundInstances = { instances: at(1), ttl: 60, trouble: servfail };
    const { clock, heard, failures, watch } = rig({ find: () => Promise.resolve(found) });
    watch();
    await clock.advance(499);
    expect([heard, failures]).toEqual([['1'], [servfail.text]]);
    await clock.advance(1);
    expect([heard, failures]).toEqual([['1'], [servfail.text, servfail.text]]);
  });

  test('one that never answers is given up after 4.5 s', async () => {
    const { clock, name, failures, watch } = rig({ find: () => new Promise(() => {}) });
    watch();
    await clock.advance(4_499);
    expect(failures).toEqual([]);
    await clock.advance(1);
    expect(failures).toEqual(['SRV x: no answer within 4500 ms']);
    await expect(name.instances()).rejects.toMatchObject({ reason: 'discovery_failed' });
  });
});

describe('nothing left', () => {
  test('is told at once where nothing was known', async () => {
    const { clock, heard, says, watch } = rig();
    watch();
    await clock.advance(0);
    expect(heard).toEqual(['']);
    says([1]);
    await clock.advance(1_000);
    expect(heard).toEqual(['', '1']);
  });

  test('after something: once it has been said for 10 s', async () => {
    const { clock, heard, lookUps, says, watch } = rig();
    says([1], 2);
    watch();
    await clock.advance(0);
    says([], 3);
    await clock.advance(11_999);
    expect(heard).toEqual(['1']);
    await clock.advance(1);
    expect([heard, lookUps]).toEqual([['1', ''], [0, 2_000, 5_000, 8_000, 11_000, 12_000]]);
  });

  test('begins anew where somebody is there in between; a failure in between is no evidence', async () => {
    const { clock, name, heard, says, fails, watch } = rig();
    says([1], 2);
    watch();
    await clock.advance(0);
    says([], 3);
    await clock.advance(6_000);
    says([1], 3);
    await clock.advance(3_000);
    says([], 3);
    await clock.advance(3_000);
    fails();
    await clock.advance(30_000);
    expect(heard).toEqual(['1']);
    expect(await name.instances()).toEqual(at(1));
    says([], 3);
    await clock.advance(6_000);
    expect(heard).toEqual(['1', '']);
  });

  test('at once with emptyAfterMs 0; fewer instances always at once', async () => {
    const { clock, heard, says, watch } = rig({ emptyAfterMs: 0 });
    says([1, 2], 2);
    watch();
    await clock.advance(0);
    says([2], 2);
    await clock.advance(2_000);
    says([], 2);
    await clock.advance(2_000);
    expect(heard).toEqual(['1,2', '2', '']);
  });

  test('is asked about again after 5 s at most, whatever the zone says', async () => {
    const { clock, lookUps, says, watch } = rig();
    says([], 3_600);
    watch();
    await clock.advance(5_000);
    expect(lookUps).toEqual([0, 5_000]);
  });
});

describe('bounds', () => {
  test('256 instances, the same ones in whatever order they come, each once; said once', async () => {
    const ports = Array.from({ length: 300 }, (_, i) => i + 1);
    const { clock, name, heard, lines, says, watch } = rig();
    says([...ports, ...ports], 1);
    watch();
    await clock.advance(0);
    says([...ports].reverse(), 1);
    await clock.advance(1_000);
    expect([(await name.instances()).length, heard.length]).toEqual([MAX_INSTANCES, 1]);
    expect(lines.all).toEqual(['warn SRV x has 300 instances: only 256 are used']);
  });

  test('closed it tells nothing, asks nothing, and says so to who waits', async () => {
    const { clock, name, heard, failures, lookUps, says, watch } = rig();
    says([1]);
    watch();
    const waiting = name.instances();
    name.close();
    await expect(waiting).rejects.toMatchObject({ reason: 'discovery_failed', text: 'SRV x: discovery is closed' });
    await clock.advance(60_000);
    await expect(name.instances()).rejects.toMatchObject({ reason: 'discovery_failed' });
    expect([heard, failures, lookUps]).toEqual([[], [], [0]]);
  });
});
