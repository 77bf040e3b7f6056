import type { CallMetrics, MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { HistogramSum } from './call-totals.js';

/** The calls of one direction that ended within one window. */
export interface WindowFigures {
  readonly direction: CallMetrics['direction'];
  readonly callsPerSecond: number;
  /** Share of those that failed; 0 where none ended. */
  readonly errorRatio: number;
  /** In seconds, by quantile, within the width of a bucket; 0 where none ended. */
  readonly latency: Readonly<Record<(typeof QUANTILES)[number], number>>;
}

/** The quantiles that {@link WindowFigures} have. */
export const QUANTILES = ['0.5', '0.95', '0.99'] as const;

interface Totals {
  readonly counts: readonly number[];
  readonly bounds: readonly number[];
  readonly ended: number;
  readonly failed: number;
}

const DIRECTIONS = ['inbound', 'outbound'] as const;
const NOTHING: Totals = { counts: [], bounds: [], ended: 0, failed: 0 };

/** Calls of the last whole window: the difference between two snapshots. */
export class CallWindow {
  #before: { readonly at: number; readonly totals: Readonly<Record<CallMetrics['direction'], Totals>> } | undefined;
  #figures: readonly WindowFigures[] = [];

  /** Of the last window that has ended; empty before. */
  get figures(): readonly WindowFigures[] {
    return this.#figures;
  }

  /** One window ends, and the next begins. */
  turn({ calls, timestamp }: MetricsSnapshot): void {
    const before = this.#before;
    const totals = { inbound: totalsOf(calls, 'inbound'), outbound: totalsOf(calls, 'outbound') };
    this.#before = { at: timestamp, totals };
    // The wall clock may have been set back: such a window says nothing.
    if (before === undefined || timestamp <= before.at) return;
    this.#figures = DIRECTIONS.map((direction) => figuresOf(direction, before.totals[direction], totals[direction], (timestamp - before.at) / 1_000));
  }
}

function totalsOf(calls: readonly CallMetrics[], direction: CallMetrics['direction']): Totals {
  const own = calls.filter((call) => call.direction === direction);
  const [first] = own;
  if (first === undefined) return NOTHING;
  const sum = new HistogramSum(first.duration);
  let failed = 0;
  for (const { duration, ended } of own) {
    sum.add(duration);
    failed += duration.count - (ended['OK'] ?? 0);
  }
  return { counts: sum.counts, bounds: sum.bounds, ended: sum.count, failed };
}

function figuresOf(direction: CallMetrics['direction'], before: Totals, after: Totals, seconds: number): WindowFigures {
  const ended = after.ended - before.ended;
  const counts = after.counts.map((count, i) => count - (before.counts[i] ?? 0));
  const latency = Object.fromEntries(QUANTILES.map((quantile) => [quantile, quantileOf(Number(quantile), counts, after.bounds, ended)])) as WindowFigures['latency'];
  return { direction, callsPerSecond: ended / seconds, errorRatio: ended === 0 ? 0 : (after.failed - before.failed) / ended, latency };
}

/** As `histogram_quantile` has it: linear within a bucket; above all bounds the last of them. */
function quantileOf(quantile: number, counts: readonly number[], bounds: readonly number[], total: number): number {
  if (total === 0) return 0;
  const rank = quantile * total;
  let below = 0;
  for (let i = 0; i < bounds.length; i++) {
    const count = counts[i] ?? 0;
    if (below + count >= rank && count > 0) {
      const from = i === 0 ? 0 : (bounds[i - 1] as number);
      return from + ((bounds[i] as number) - from) * ((rank - below) / count);
    }
    below += count;
  }
  return bounds.at(-1) ?? 0;
}
