import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULT_EJECTION, type Ejection } from '../../src/endpoint/load-balancing.js';
import { OutlierEjection } from '../../src/endpoint/outlier-ejection.js';
import { OutlierRecord } from '../../src/endpoint/outlier-record.js';

interface Rig {
  readonly ejection: OutlierEjection;
  readonly records: readonly OutlierRecord[];
  readonly said: { readonly index: number; readonly ms: number; readonly why: string }[];
  /** Indexes of those that are out. */
  out(): number[];
  answers(index: number, failed: boolean, times: number, now: number): void;
}

function rig(count: number, settings: Partial<Ejection> = {}, random: () => number = () => 1): Rig {
  const records = Array.from({ length: count }, () => new OutlierRecord());
  const said: Rig['said'] = [];
  const ejection = new OutlierEjection({ ...DEFAULT_EJECTION, ...settings }, (record, ms, why) => void said.push({ index: records.indexOf(record), ms, why }), random);
  ejection.replace(records, 0);
  const answers = (index: number, failed: boolean, times: number, now: number): void => {
    for (let i = 0; i < times; i++) ejection.judge(records[index] as OutlierRecord, failed, now);
  };
  return { ejection, records, said, answers, out: () => records.flatMap(({ ejectedUntil }, index) => (ejectedUntil === undefined ? [] : [index])) };
}

describe('failures in a row', () => {
  test('five eject; one answer in between begins anew', () => {
    const { answers, out, said } = rig(3);
    answers(0, true, 4, 1);
    answers(0, false, 1, 1);
    answers(0, true, 4, 1);
    expect(out()).toEqual([]);
    answers(0, true, 1, 1);
    expect(out()).toEqual([0]);
    expect(said).toEqual([{ index: 0, ms: 30_000, why: '5 failures in a row' }]);
  });

  test('it comes back by itself, and stays away twice as long when it fails again, up to the longest time', () => {
    const { ejection, answers, out, said } = rig(3);
    let now = 1;
    for (let i = 0; i < 6; i++) {
      answers(0, true, 5, now);
      const { ms } = said.at(-1) as { ms: number };
      expect(ejection.nextReturn).toBe(now + ms);
      ejection.release(now + ms - 1);
      expect(out()).toEqual([0]);
      ejection.release((now += ms));
      expect(out()).toEqual([]);
    }
    expect(said.map(({ ms }) => ms)).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
    // A long good time makes the next one a first one.
    answers(0, true, 5, now + 300_000);
    expect(said.at(-1)?.ms).toBe(30_000);
  });

  test('times are shortened by up to a quarter at random', () => {
    for (const [draw, ms] of [[0, 22_500], [0.5, 26_250], [1, 30_000]] as const) {
      const { answers, said } = rig(2, {}, () => draw);
      answers(1, true, 5, 1);
      expect(said.map((each) => each.ms)).toEqual([ms]);
    }
  });

  test('late answers to one that is out change nothing', () => {
    const { answers, records, said } = rig(3);
    answers(0, true, 500, 1);
    expect([said.length, records[0]?.failed, records[0]?.ejections]).toEqual([1, 0, 1]);
  });
});

describe('success rates', () => {
  /** Failures never in a row. */
  function mixed({ answers }: Rig, index: number, calls: number, everyNth: number): void {
    for (let i = 0; i < calls; i++) answers(index, i % everyNth === 0, 1, 5_000);
  }

  test('far below that of the others ejects at the end of the window', () => {
    const all = rig(4);
    all.answers(0, false, 1, 0);
    mixed(all, 0, 40, 2);
    for (const index of [1, 2, 3]) mixed(all, index, 40, 20);
    expect(all.out()).toEqual([]);
    all.answers(1, false, 1, 10_000);
    expect(all.out()).toEqual([0]);
    expect(all.said[0]?.why).toBe("51 % of its calls succeeded, of the others' 95 %");
  });

  test('where all fail alike, or too few calls say so, nobody is ejected', () => {
    const alike = rig(3);
    alike.answers(0, false, 1, 0);
    for (const index of [0, 1, 2]) mixed(alike, index, 40, 2);
    alike.answers(0, false, 1, 10_000);
    const few = rig(3);
    few.answers(0, false, 1, 0);
    mixed(few, 0, 18, 2);
    for (const index of [1, 2]) mixed(few, index, 100, 1_000);
    few.answers(1, false, 1, 10_000);
    expect([alike.out(), few.out()]).toEqual([[], []]);
  });

  test('what lies longer back than a window counts no more', () => {
    const all = rig(4);
    all.answers(0, false, 1, 0);
    mixed(all, 0, 40, 2);
    for (const index of [1, 2, 3]) mixed(all, index, 40, 1_000);
    all.answers(1, false, 1, 20_000);
    expect(all.out()).toEqual([]);
  });
});

test.each([
  [1, 1, 0], [1, 2, 1], [1, 5, 4], [0.5, 1, 0], [0.5, 2, 1], [0.5, 3, 1], [0.5, 4, 2], [0.3, 3, 0], [0.3, 10, 3], [0, 10, 0],
])('of a share of %d of %d instances, %d may be out', (maxShare, count, allowed) => {
  const { answers, out } = rig(count, { maxShare });
  for (let index = 0; index < count; index++) answers(index, true, 20, 1);
  expect(out()).toHaveLength(allowed);
});

test('whatever is answered, and whoever comes and goes: never the last, never more than the share, and all come back', () => {
  const step = fc.record({ index: fc.nat(9), failed: fc.boolean(), times: fc.integer({ min: 1, max: 12 }), after: fc.nat(20_000), members: fc.option(fc.nat(10), { freq: 6 }) });
  let ejections = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0.5, 1)), fc.array(step, { maxLength: 60 }), (count, maxShare, steps) => {
      const { ejection, records, answers, out, said } = rig(count, { maxShare, consecutiveFailures: 3, minCalls: 5 }, () => 0.5);
      let members = records;
      let now = 0;
      for (const each of steps) {
        now += each.after;
        if (now >= ejection.nextReturn) ejection.release(now);
        if (each.members !== null) ejection.replace((members = records.slice(0, each.members)), now);
        answers(each.index % count, each.failed, each.times, now);
        const gone = members.filter(({ ejectedUntil }) => ejectedUntil !== undefined).length;
        expect(gone).toBeLessThanOrEqual(members.length * maxShare);
        if (members.length > 0) expect(gone).toBeLessThan(members.length);
      }
      ejections += said.length;
      ejection.replace(records, now);
      ejection.release(now + 300_000);
      expect(out()).toEqual([]);
      expect(ejection.nextReturn).toBe(Infinity);
    }),
    { numRuns: 300 },
  );
  expect(ejections).toBeGreaterThan(20);
});
