import { describe, expect, test } from '@jest/globals';
import { UuidV7 } from '../src/uuid-v7.js';

const timeOf = (id: string): number => parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

describe('UuidV7', () => {
  test('has the form of RFC 9562: version 7, variant 10, the time in front', () => {
    const id = new UuidV7().next(1_645_557_742_000);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    // The time of RFC 9562's example in appendix A.6.
    expect(id.slice(0, 13)).toBe('017f22e2-79b0');
  });

  test('only ever grows, within a ms, over the counter and across the pool', () => {
    const uuid = new UuidV7();
    const ids = Array.from({ length: 20_000 }, (_, index) => uuid.next(1_700_000_000_000 + Math.floor(index / 15_000)));
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(ids.length);
    // 15,000 ids of one ms borrow a few of the next ones, not more.
    expect(timeOf(ids[14_999]!) - 1_700_000_000_000).toBeLessThanOrEqual(4);
  });

  test('grows also when the clock goes back', () => {
    const uuid = new UuidV7();
    const first = uuid.next(1_700_000_000_000);
    const second = uuid.next(1_600_000_000_000);
    expect(second > first).toBe(true);
    expect(timeOf(second)).toBe(1_700_000_000_000);
  });

  test('every random bit is used: over many ids each of the 62 is sometimes 0 and sometimes 1', () => {
    const uuid = new UuidV7();
    let and = (1n << 64n) - 1n;
    let or = 0n;
    for (let index = 0; index < 500; index++) {
      const bits = BigInt(`0x${uuid.next(1_700_000_000_000 + index).slice(19).replaceAll('-', '')}`);
      and &= bits;
      or |= bits;
    }
    expect(and).toBe(1n << 63n);
    expect(or).toBe((1n << 64n) - 1n - (1n << 62n));
  });

  test('two generators of one ms differ', () => {
    expect(new UuidV7().next(1).slice(19)).not.toBe(new UuidV7().next(1).slice(19));
  });
});
