import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cryptoperiodOf, jitteredAge, rotationProblems, type RotationOptions } from '../src/channel/cryptoperiod.js';
import { CryptoManager } from '../src/crypto-manager.js';
import { thrown } from './support/vectors.js';

const DAY_MS = 86_400_000;

describe('limits', () => {
  test('without options: an hour, 2^20 records, 2^34 bytes; twice and four times as much at most (PROTOCOL 3.10)', () => {
    expect(cryptoperiodOf()).toEqual({
      soft: { ageMs: 3_600_000, records: 2 ** 20, bytes: 2 ** 34 },
      near: { ageMs: 6_273_750, records: 3_670_016, bytes: 60_129_542_144 },
      hard: { ageMs: 7_200_000, records: 2 ** 22, bytes: 2 ** 36 },
      sealMs: 7_170_000,
      minIntervalMs: 100,
      answerMs: 30_000,
      policy: { intervalMs: 3_600_000, rejectAfterMs: 7_200_000, maxRecords: 2 ** 20, maxBytes: 2 ** 34, source: 'default' },
    });
    expect(cryptoperiodOf({ interval: undefined, maxBytes: undefined } as unknown as RotationOptions)).toEqual(cryptoperiodOf());
  });

  test.each<[RotationOptions, object]>([
    [{}, { intervalMs: 3_600_000, rejectAfterMs: 7_200_000, maxRecords: 2 ** 20, maxBytes: 2 ** 34, source: 'default' }],
    [{ interval: 1_000, maxRecords: 16 }, { intervalMs: 1_000, rejectAfterMs: 60_000, maxRecords: 16, maxBytes: 2 ** 34, source: 'option' }],
    [{ autoRotate: false }, { maxRecords: 2 ** 20, maxBytes: 2 ** 34, source: 'option' }],
    [{ minIntervalMs: 0 }, { intervalMs: 3_600_000, rejectAfterMs: 7_200_000, maxRecords: 2 ** 20, maxBytes: 2 ** 34, source: 'option' }],
  ])('%o: the policy that evidence shows', (options, policy) => {
    expect(cryptoperiodOf(options).policy).toEqual(policy);
  });

  test.each<[RotationOptions, number, number]>([
    [{}, 7_170_000, 7_200_000],
    [{ interval: 30_000 }, 45_000, 60_000],
    [{ interval: 29_999 }, 44_999, 60_000],
    [{ interval: 1 }, 30_000, 60_000],
    [{ interval: 1_000, rejectAfterMs: 1_001 }, 1_000, 1_001],
    [{ autoRotate: false, rejectAfterMs: 1_000 }, 750, 1_000],
    [{ autoRotate: false }, Infinity, Infinity],
  ])('%o: seals until %d ms, opens until %d ms', (options, sealMs, ageMs) => {
    const period = cryptoperiodOf(options);
    expect([period.sealMs, period.hard.ageMs]).toEqual([sealMs, ageMs]);
  });

  test('30 days, which a timer of Node cannot hold', () => {
    const { soft, hard } = cryptoperiodOf({ interval: 30 * DAY_MS });
    expect([soft.ageMs, hard.ageMs]).toEqual([30 * DAY_MS, 60 * DAY_MS]);
    expect(soft.ageMs).toBeGreaterThan(2 ** 31);
  });

  test('autoRotate: false ends the interval, not the limits of use', () => {
    const period = cryptoperiodOf({ autoRotate: false });
    expect(period.soft).toEqual({ ageMs: Infinity, records: 2 ** 20, bytes: 2 ** 34 });
    expect(period.near.ageMs).toBe(Infinity);
    expect(period.hard).toEqual({ ageMs: Infinity, records: 2 ** 22, bytes: 2 ** 36 });
    expect(cryptoperiodOf({ autoRotate: false, rejectAfterMs: 1_000 }).hard.ageMs).toBe(1_000);
  });

  test('any good options: soft <= near <= what is sealed <= hard, and no option raises the limits of the AEAD', () => {
    const options = fc.record(
      {
        interval: fc.integer({ min: 1, max: 400 * DAY_MS }),
        autoRotate: fc.boolean(),
        maxRecords: fc.integer({ min: 16, max: 2 ** 20 }),
        maxBytes: fc.integer({ min: 2 ** 20, max: 2 ** 34 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(options, (given) => {
        const { soft, near, hard, sealMs } = cryptoperiodOf(given);
        expect(Math.min(soft.ageMs, hard.ageMs / 2)).toBeLessThanOrEqual(sealMs);
        expect(sealMs).toBeLessThanOrEqual(hard.ageMs);
        expect(near.ageMs).toBeLessThanOrEqual(sealMs);
        for (const key of ['ageMs', 'records', 'bytes'] as const) {
          expect(soft[key]).toBeLessThanOrEqual(near[key]);
          expect(near[key]).toBeLessThanOrEqual(hard[key]);
        }
        expect(hard.records).toBeLessThanOrEqual(2 ** 22);
        expect(hard.bytes).toBeLessThanOrEqual(2 ** 36);
      }),
    );
  });
});

describe('options that are wrong', () => {
  const numbers = ['interval', 'rejectAfterMs', 'maxRecords', 'maxBytes', 'minIntervalMs'] as const;
  const wrong = [-1, Number.NaN, 0.5, 1e6 + 0.5, Infinity, 2 ** 53, '1000', null];
  test.each(numbers.flatMap((name) => wrong.map((value) => [name, value] as const)))('%s: %p, by its path', (name, value) => {
    const error = thrown(() => cryptoperiodOf({ [name]: value } as unknown as RotationOptions));
    expect(error).toMatchObject({ reason: 'invalid_option', details: { problems: [expect.stringMatching(new RegExp(`^rotation\\.${name}: must be `))] } });
  });

  test('0, but for the shortest interval', () => {
    for (const name of numbers.slice(0, 4)) expect(rotationProblems({ [name]: 0 })).toEqual([expect.stringContaining(`rotation.${name}: `)]);
    expect(rotationProblems({ minIntervalMs: 0 })).toEqual([]);
  });

  test.each<[RotationOptions]>([[{ maxRecords: 15 }], [{ maxRecords: 2 ** 20 + 1 }], [{ maxBytes: 2 ** 20 - 1 }], [{ maxBytes: 2 ** 34 + 1 }]])('%o: outside what is good for a key', (options) => {
    expect(rotationProblems(options)).toHaveLength(1);
  });

  test('a hard limit that is no more than the interval, the default one included', () => {
    expect(rotationProblems({ interval: 1_000, rejectAfterMs: 1_000 })).toEqual(['rotation.rejectAfterMs: must be more than rotation.interval, 1000']);
    expect(rotationProblems({ rejectAfterMs: 3_600_000 })).toHaveLength(1);
    expect(rotationProblems({ interval: 1_000, rejectAfterMs: 1_001 })).toEqual([]);
    expect(rotationProblems({ interval: 1_000, rejectAfterMs: 500, autoRotate: false })).toEqual([]);
  });

  test('all at once, under the path that is asked for', () => {
    const options = { interval: 0, rejectAfterMs: Number.NaN, autoRotate: 'no', maxRecords: 1, maxBytes: 1.5, minIntervalMs: -1 } as unknown as RotationOptions;
    expect(rotationProblems(options, 'a.b').map((problem) => problem.split(':')[0])).toEqual(['a.b.autoRotate', 'a.b.interval', 'a.b.rejectAfterMs', 'a.b.maxRecords', 'a.b.maxBytes', 'a.b.minIntervalMs']);
    expect(rotationProblems(null as unknown as RotationOptions)).toEqual(['rotation: must be an object']);
  });

  test('of a CryptoManager, among its others', () => {
    const error = thrown(() => new CryptoManager({ serviceId: '', rotation: { interval: 0, maxBytes: -1 } }));
    expect(error).toMatchObject({ reason: 'invalid_option', details: { problems: [expect.stringContaining('serviceId'), expect.stringContaining('rotation.interval'), expect.stringContaining('rotation.maxBytes')] } });
    expect(new CryptoManager({ serviceId: 'a', rotation: { interval: 30 * DAY_MS } }).cryptoperiod.soft.ageMs).toBe(30 * DAY_MS);
  });
});

test('jitter: never over the limit, the dialler before the acceptor, and no two alike', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400 * DAY_MS }), fc.double({ min: 0, max: 0.999_999, noNaN: true }), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (age, one, other) => {
      const [dialler, acceptor] = [jitteredAge(age, 'initiator', () => one), jitteredAge(age, 'responder', () => other)];
      expect(dialler).toBeGreaterThanOrEqual(0.85 * age);
      expect(dialler).toBeLessThan(acceptor);
      expect(acceptor).toBeLessThanOrEqual(age);
      expect(jitteredAge(age, 'initiator', () => one)).toBe(dialler);
    }),
  );
  expect(new Set(Array.from({ length: 100 }, () => jitteredAge(1_000_000, 'initiator', Math.random))).size).toBe(100);
  expect(jitteredAge(Infinity, 'initiator', () => 0)).toBe(Infinity);
});
