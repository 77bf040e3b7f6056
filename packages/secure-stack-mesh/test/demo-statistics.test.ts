import { describe, expect, test } from '@jest/globals';
import { LatencyHistogram } from './support/demo-evidence.js';

describe("the demo's percentiles", () => {
  test('are within 2 % of the sorted list, however the figures were brought together', () => {
    const all = Array.from({ length: 10_000 }, (_, index) => 0.05 * 1.001 ** ((index * 7_919) % 10_000));
    const whole = new LatencyHistogram();
    for (let part = 0; part < 10; part++) {
      const piece = new LatencyHistogram();
      for (const ms of all.slice(part * 1_000, part * 1_000 + 1_000)) piece.record(ms);
      whole.merge(JSON.parse(JSON.stringify(piece)) as object);
    }
    const sorted = [...all].sort((a, b) => a - b);
    expect(whole.count).toBe(10_000);
    for (const share of [0.5, 0.9, 0.99, 1]) {
      const exact = sorted[Math.ceil(share * 10_000) - 1]!;
      const shown = whole.percentile(share)!;
      expect(shown).toBeGreaterThanOrEqual(exact * 0.999_999);
      expect(shown).toBeLessThanOrEqual(exact * 1.021);
    }
    expect(new LatencyHistogram().percentile(0.5)).toBeUndefined();
  });
});
