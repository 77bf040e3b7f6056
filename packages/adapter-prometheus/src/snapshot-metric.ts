import type { HistogramSnapshot } from '@lemur-bookstores/mesh-interface';
import { HistogramSum } from './call-totals.js';
import type { MetricDefinition, Reading } from './metric-definition.js';

/** One line of the exposition, as prom-client's registry writes it. */
interface Line {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly sharedLabels: Labels;
  readonly value: number;
  readonly exemplar?: { readonly labelSet: Labels; readonly value: number; readonly timestamp: number };
}

type Labels = Record<string, string | number>;

/** A metric with its lines, as prom-client's registry asks for it. */
export interface MetricLines {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: readonly Line[];
}

/** What has so many lines is written in a turn of the event loop of its own: prom-client writes a metric without a pause. */
const MANY_LINES = 500;

/** A metric in prom-client's registry that is read when it is scraped. It keeps no values: they are those of the snapshot. */
export class SnapshotMetric {
  readonly help: string;
  readonly type: MetricDefinition['type'];
  /** prom-client takes `_total` off a counter's name before it asks for its values, where it writes OpenMetrics. */
  name: string;
  readonly #name: string;
  readonly #definition: MetricDefinition;
  readonly #readings: () => readonly Reading[];
  readonly #turn: () => Promise<void>;

  /** @param turn resolves in a turn of the event loop that no other metric gets */
  constructor(definition: MetricDefinition, prefix: string, readings: () => readonly Reading[], turn: () => Promise<void>) {
    this.#definition = definition;
    this.#readings = readings;
    this.#turn = turn;
    this.name = this.#name = prefix + definition.name;
    this.help = definition.help;
    this.type = definition.type;
  }

  /** With the labels that the lines of a histogram share: prom-client writes them once. */
  async getForPromString(): Promise<MetricLines> {
    const { name, help, type } = this;
    this.name = this.#name;
    const readings = this.#readings();
    const values = linesOf(this.#definition, this.#name, readings);
    if (values.length > MANY_LINES) await this.#turn();
    return { name, help, type, aggregator: 'sum', values };
  }

  /** For `getMetricsAsJSON()`. */
  async get(): Promise<MetricLines> {
    const metric = await this.getForPromString();
    return { ...metric, values: metric.values.map(({ sharedLabels, labels, ...line }) => ({ ...line, labels: { ...labels, ...sharedLabels }, sharedLabels: {} })) };
  }

  /** Its values are the mesh's: there is nothing to set to zero. */
  reset(): void {
    // Asked for by `register.resetMetrics()`.
  }
}

function linesOf(definition: MetricDefinition, name: string, readings: readonly Reading[]): Line[] {
  const lines: Line[] = [];
  const labelsOf = labelsBy(definition.labels);
  if (definition.type === 'histogram') {
    const write = (labels: readonly string[], histogram: HistogramSnapshot): void => histogramLines(lines, name, labelsOf(labels), histogram);
    if (!sameNames(readings)) for (const reading of readings) definition.read(reading, (labels, value) => write([reading.snapshot.serviceId, ...labels], value));
    else for (const [labels, value] of together(readings, definition.read, (sum: HistogramSum | undefined, value: HistogramSnapshot) => (sum ?? new HistogramSum(value)).add(value))) write(labels, value);
    return lines;
  }
  const write = (labels: readonly string[], value: number): void => void lines.push({ labels: labelsOf(labels), sharedLabels: NO_LABELS, value });
  if (!sameNames(readings)) for (const reading of readings) definition.read(reading, (labels, value) => write([reading.snapshot.serviceId, ...labels], value));
  else for (const [labels, value] of together(readings, definition.read, combining(definition))) write(labels, value);
  return lines;
}

const NO_LABELS: Labels = {};

/** Two meshes of one service in one process: their lines would be the same, but for the value. */
const sameNames = (readings: readonly Reading[]): boolean => new Set(readings.map(({ snapshot }) => snapshot.serviceId)).size < readings.length;

function together<Value, Sum>(
  readings: readonly Reading[],
  read: (reading: Reading, take: (labels: readonly string[], value: Value) => void) => void,
  combine: (sum: Sum | undefined, value: Value) => Sum,
): Iterable<readonly [readonly string[], Sum]> {
  const sums = new Map<string, [readonly string[], Sum]>();
  for (const reading of readings) {
    read(reading, (labels, value) => {
      const all = [reading.snapshot.serviceId, ...labels];
      const key = all.join('\n');
      sums.set(key, [all, combine(sums.get(key)?.[1], value)]);
    });
  }
  return sums.values();
}

function combining(definition: Exclude<MetricDefinition, { readonly type: 'histogram' }>): (sum: number | undefined, value: number) => number {
  const how = definition.type === 'counter' ? 'sum' : definition.together;
  return (sum, value) => (sum === undefined ? value : how === 'sum' ? sum + value : Math[how](sum, value));
}

const labelsBy = (names: readonly string[]) => (values: readonly string[]): Labels => {
  const labels: Labels = { service: values[0] as string };
  for (let i = 0; i < names.length; i++) labels[names[i] as string] = values[i + 1] as string;
  return labels;
};

function histogramLines(lines: Line[], name: string, sharedLabels: Labels, { bounds, counts, sum, count, exemplars = [] }: HistogramSnapshot): void {
  const metricName = `${name}_bucket`;
  const byBucket = new Map(exemplars.map((exemplar) => [exemplar.bucket, exemplar]));
  let upTo = 0;
  for (let i = 0; i <= bounds.length; i++) {
    upTo += counts[i] ?? 0;
    const traced = byBucket.get(i);
    const exemplar = traced === undefined ? {} : { exemplar: { labelSet: { trace_id: traced.trace.traceId, span_id: traced.trace.spanId }, value: traced.value, timestamp: traced.timestamp / 1_000 } };
    lines.push({ metricName, labels: { le: bounds[i] ?? '+Inf' }, sharedLabels, value: i === bounds.length ? count : upTo, ...exemplar });
  }
  lines.push({ metricName: `${name}_sum`, labels: NO_LABELS, sharedLabels, value: sum }, { metricName: `${name}_count`, labels: NO_LABELS, sharedLabels, value: count });
}
