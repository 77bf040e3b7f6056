import { describe, expect, test } from '@jest/globals';
import type { Endpoint } from '../../src/endpoint/endpoint.js';
import { endpointPicker, LOAD_BALANCING_STRATEGIES } from '../../src/endpoint/endpoint-picker.js';

const endpoints = (...loads: (number | undefined)[]): Endpoint[] => loads.map((outstanding) => ({ session: outstanding === undefined ? undefined : { outstanding } }) as unknown as Endpoint);

describe('endpoint picker', () => {
  test('least-loaded takes the one with the fewest calls in flight, never one without a session', () => {
    const pick = endpointPicker('least-loaded');
    const list = endpoints(5, 2, undefined, 9);
    for (let i = 0; i < 20; i++) expect(pick(list)).toBe(list[1]);
  });

  test('least-loaded shares the calls of a lone caller among equals', () => {
    const pick = endpointPicker('least-loaded', () => 0.123);
    const list = endpoints(0, 0, 0);
    const counts = new Map<Endpoint, number>();
    for (let i = 0; i < 300; i++) {
      const picked = pick(list);
      counts.set(picked, (counts.get(picked) ?? 0) + 1);
    }
    expect([...counts.values()]).toEqual([100, 100, 100]);
  });

  test('round-robin goes round, from a random start', () => {
    const list = endpoints(9, 0, 0);
    const pick = endpointPicker('round-robin', () => 0.5);
    const first = list.indexOf(pick(list));
    const turns = Array.from({ length: 6 }, () => list.indexOf(pick(list)));
    expect(turns).toEqual(Array.from({ length: 6 }, (_, index) => (first + 1 + index) % 3));
    const starts = new Set(Array.from({ length: 50 }, () => list.indexOf(endpointPicker('round-robin')(list))));
    expect(starts.size).toBe(3);
  });

  test('random follows its source', () => {
    const list = endpoints(0, 0, 0, 0);
    const draws = [0, 0.25, 0.74, 0.999];
    const pick = endpointPicker('random', () => draws.shift() ?? 0);
    // One draw is the picker's own, at its making.
    draws.unshift(0.5);
    expect(LOAD_BALANCING_STRATEGIES).toContain('random');
    const picked = [pick(list), pick(list), pick(list), pick(list)].map((endpoint) => list.indexOf(endpoint));
    expect(picked.every((index) => index >= 0)).toBe(true);
    expect(picked).toEqual([2, 1, 2, 3]);
  });
});
