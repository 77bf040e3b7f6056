import type { HistogramSnapshot, MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import type { CallTotals } from './call-totals.js';
import type { WindowFigures } from './call-window.js';

/** What one mesh has to tell at one scrape. */
export interface Reading {
  readonly snapshot: MetricsSnapshot;
  readonly calls: CallTotals;
  /** Of its last window; empty where nobody asked for windows. */
  readonly windows: readonly WindowFigures[];
}

/** Takes one value; its labels in the order of the definition. */
export type TakeSample<Value> = (labels: readonly string[], value: Value) => void;

interface Common {
  /** Without the prefix. */
  readonly name: string;
  readonly help: string;
  /** All but `service`, which each metric has. */
  readonly labels: readonly string[];
}

/** One metric: what it is, and how it is read. */
export type MetricDefinition =
  | (Common & { readonly type: 'counter'; readonly read: (reading: Reading, take: TakeSample<number>) => void })
  | (Common & {
      readonly type: 'gauge';
      readonly read: (reading: Reading, take: TakeSample<number>) => void;
      /** Of two meshes of one name in one process. */
      readonly together: 'sum' | 'max' | 'min';
    })
  | (Common & { readonly type: 'histogram'; readonly read: (reading: Reading, take: TakeSample<HistogramSnapshot>) => void });
