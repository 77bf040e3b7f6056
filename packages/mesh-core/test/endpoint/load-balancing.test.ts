import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { completeLoadBalancing } from '../../src/endpoint/load-balancing.js';

function problemsOf(options: unknown): unknown {
  try {
    completeLoadBalancing(options as object);
    return [];
  } catch (error) {
    return (MeshError.from(error).details as { problems: unknown }).problems;
  }
}

describe('options of load balancing', () => {
  test('defaults', () => {
    expect(completeLoadBalancing()).toEqual({
      strategy: 'least-loaded',
      ejection: { maxShare: 0.5, consecutiveFailures: 5, successRateGap: 0.3, minCalls: 20, intervalMs: 10_000, baseMs: 30_000, maxMs: 300_000 },
      slowStartMs: 10_000,
    });
  });

  test('undefined counts as not given; a first time over the default of the longest lifts that', () => {
    expect(completeLoadBalancing({ strategy: undefined, slowStartMs: undefined, ejection: { maxShare: undefined } as object })).toEqual(completeLoadBalancing());
    expect(completeLoadBalancing({ ejection: { baseMs: 600_000 } }).ejection).toMatchObject({ baseMs: 600_000, maxMs: 600_000 });
  });

  test('all problems are told at once, by path', () => {
    const numbers = { maxShare: 1.1, consecutiveFailures: 0, successRateGap: 0, minCalls: 1.5, intervalMs: 99, baseMs: 0, maxMs: '1' };
    expect(problemsOf({ strategy: 'fastest', slowStartMs: -1, ejection: { ...numbers, share: 1 }, weights: [] })).toEqual(
      ['weights', 'strategy', 'slowStartMs', 'ejection.share', ...Object.keys(numbers).map((key) => `ejection.${key}`)].map((path) => expect.stringMatching(`^loadBalancing\\.${path.replace('.', '\\.')}: .{8,}$`)),
    );
  });

  test.each([[null], [7], [[]]])('%j is none', (options) => {
    expect(problemsOf(options)).toEqual(['loadBalancing: must be an object']);
    expect(problemsOf({ ejection: options })).toEqual(['loadBalancing.ejection: must be an object, or false']);
  });

  test('a longest time below the first', () => {
    expect(problemsOf({ ejection: { baseMs: 10, maxMs: 9 } })).toEqual(['loadBalancing.ejection.maxMs: must be at least baseMs, 10']);
  });
});
