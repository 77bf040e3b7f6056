import { expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { UuidV7 } from '../../src/uuid-v7.js';
import { SampleHash } from '../../src/wrapping/sample-hash.js';

const COUNT = 50_000;
const uuids = new UuidV7();
const corpora: Readonly<Record<string, readonly string[]>> = {
  'ids of one millisecond': Array.from({ length: COUNT }, () => uuids.next(1_000)),
  'random trace ids': Array.from({ length: COUNT }, () => randomBytes(16).toString('hex')),
  'trace ids that count up': Array.from({ length: COUNT }, (_, index) => index.toString(16).padStart(32, '0')),
};

test.each(Object.keys(corpora))('%s spread evenly', (name) => {
  const hash = new SampleHash('');
  const bins = new Array<number>(64).fill(0);
  for (const text of corpora[name]!) {
    const bin = Math.floor(hash.of(text) * bins.length);
    bins[bin] = bins[bin]! + 1;
  }
  expect(bins).toHaveLength(64);
  const expected = COUNT / bins.length;
  const chiSquared = bins.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
  // 63 degrees of freedom: above 140 once in 10^7 runs.
  expect(chiSquared).toBeLessThan(140);
});

test('the same text and seed fall at the same place, another seed elsewhere', () => {
  const ids = corpora['random trace ids']!.slice(0, 2_000);
  const [a, same, other] = [new SampleHash('a'), new SampleHash('a'), new SampleHash('b')];
  expect(ids.map((id) => a.of(id))).toEqual(ids.map((id) => same.of(id)));
  const both = ids.filter((id) => a.of(id) < 0.5 && other.of(id) < 0.5).length;
  // Independent: a quarter. Standard deviation 19.
  expect(both).toBeGreaterThan(380);
  expect(both).toBeLessThan(620);
});
