import { MeshError, type Clock, type HistogramSnapshot, type Logger, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import type { DatadogIntake, Piece } from './datadog-intake.js';
import { DURATION_GAUGES, METRICS, together, type MetricDefinition } from './datadog-metric-table.js';
import { tagOf } from './datadog-tags.js';

/** What {@link DatadogMetrics} needs. */
export interface DatadogMetricsOptions {
  readonly intake: DatadogIntake;
  readonly clock: () => Clock;
  readonly logger: () => Logger;
  readonly hostname: () => string;
  /** Of all series. */
  readonly tags: readonly string[];
  /** Series of one submission at most. Default 10,000. */
  readonly maxSeries?: number;
}

/** What Datadog has of a count, or of durations, and since when: monotonic, in ms. */
interface Accepted {
  readonly value: number | HistogramSnapshot;
  readonly at: number;
}

/** What a snapshot says, with the tags that are its own. */
interface Reading {
  readonly own: readonly string[];
  readonly value: number | HistogramSnapshot;
}

/** A series that is to be sent. */
interface Series {
  readonly metric: string;
  readonly type: 1 | 3;
  readonly value: number;
  readonly interval?: number;
  readonly unit?: string;
  readonly tags: readonly string[];
}

/** The type enum of the API. */
const COUNT = 1;
const GAUGE = 3;
/** Points must not be older than an hour, nor more than ten minutes in the future: else they are taken, and gone. */
const MAX_AGE_MS = 50 * 60_000;
const MAX_AHEAD_MS = 9 * 60_000;
/** Two points of a series with the same second are one for Datadog, and the later one takes the place of the other: counts would be lost. So far a clock may be set back. */
const SAME_SECOND_REACH_S = MAX_AHEAD_MS / 1_000;
/** Submissions that wait for their turn: who brings more of them than are taken brings them in vain, a later snapshot has all that an earlier one has. */
const MAX_WAITING = 4;
/** How often a mesh hands out snapshots unless told otherwise: for the first one. */
const USUAL_INTERVAL_MS = 10_000;

/** Makes series of snapshots, and knows what of them Datadog has: counts are sent as what was added since it took them last, so that a failure loses none. */
export class DatadogMetrics {
  readonly #options: DatadogMetricsOptions;
  readonly #maxSeries: number;
  readonly #accepted = new Map<string, Accepted>();
  #serviceId: string | undefined;
  /** When the last snapshot was read, monotonic; before, when the mesh began, if that is known. */
  #lastAt: number | undefined;
  /** Of the last submission, in seconds. */
  #lastTimestamp = 0;
  #isTooMany = false;
  #waiting = 0;
  #turns: Promise<void> = Promise.resolve();

  constructor(options: DatadogMetricsOptions) {
    this.#options = options;
    this.#maxSeries = options.maxSeries ?? 10_000;
  }

  /** The mesh counts from here on. */
  begin(): void {
    this.#lastAt ??= this.#options.clock().monotonic();
  }

  /** One after the other: what two have in common would be counted twice. @throws MeshError */
  submit(snapshot: MetricsSnapshot, signal?: AbortSignal): Promise<void> {
    if (this.#waiting > MAX_WAITING) return Promise.reject(new MeshError('adapter_failed', 'Datadog has not taken earlier metrics yet: these are in the next ones', { retryable: true }));
    this.#waiting++;
    const submission = this.#turns.then(() => this.#options.intake.post(this.#piecesOf(snapshot), signal)).finally(() => void this.#waiting--);
    this.#turns = submission.catch(() => undefined);
    return submission;
  }

  #piecesOf(snapshot: MetricsSnapshot): Piece[] {
    const { clock, hostname, tags } = this.#options;
    const now = clock().now();
    const at = clock().monotonic();
    if (this.#serviceId !== undefined && this.#serviceId !== snapshot.serviceId) this.#accepted.clear();
    this.#serviceId = snapshot.serviceId;
    const since = this.#lastAt ?? at - USUAL_INTERVAL_MS;
    this.#lastAt = at;

    const isTaken = snapshot.timestamp > now - MAX_AGE_MS && snapshot.timestamp < now + MAX_AHEAD_MS;
    const timestamp = this.#secondOf(isTaken ? snapshot.timestamp : now);
    const resources = [{ type: 'host', name: hostname() }];
    const common = [...tags, tagOf('mesh_service', snapshot.serviceId)];
    const pieces: Piece[] = [];
    const add = ({ value, tags: own, ...series }: Series, taken: () => void): void => {
      const json = JSON.stringify({ ...series, points: [{ timestamp, value }], resources, tags: [...common, ...own] });
      pieces.push({ json, bytes: Buffer.byteLength(json), taken });
    };

    let left = this.#maxSeries - 1;
    let omitted = 0;
    const seen = new Set<string>();
    // Where it is too many, those in use come first.
    const sorted = { ...snapshot, calls: snapshot.calls.toSorted((one, other) => one.idleMs - other.idleMs) };
    for (const definition of METRICS) {
      for (const [key, { own, value }] of readingsOf(definition, sorted)) {
        const before = this.#before(definition, key, value, since);
        if (before !== undefined) seen.add(key);
        const series = seriesOf(definition, own, value, before?.value, before === undefined ? 0 : at - before.at);
        const accept = (): void => void (before !== undefined && this.#accepted.set(key, { value, at }));
        if (series.length === 0) accept();
        else if (series.length > left) omitted += series.length;
        else for (const each of series) add(each, accept);
        if (series.length <= left) left -= series.length;
      }
    }
    add({ metric: 'mesh.metrics.omitted_series', type: GAUGE, value: omitted, tags: [] }, () => undefined);
    for (const key of this.#accepted.keys()) if (!seen.has(key)) this.#accepted.delete(key);
    this.#warn(omitted);
    return pieces;
  }

  /** One of its own for each submission. */
  #secondOf(ms: number): number {
    const second = Math.floor(ms / 1_000);
    const last = this.#lastTimestamp;
    this.#lastTimestamp = second <= last && second > last - SAME_SECOND_REACH_S ? last + 1 : second;
    return this.#lastTimestamp;
  }

  /** What is known of a count: one that is seen for the first time was 0 when nobody saw it. One that went down began anew. */
  #before({ type }: MetricDefinition, key: string, value: number | HistogramSnapshot, since: number): Accepted | undefined {
    if (type === 'gauge') return undefined;
    const known = this.#accepted.get(key) ?? { value: 0, at: since };
    const before = isLess(value, known.value) ? { value: 0, at: known.at } : known;
    this.#accepted.set(key, before);
    return before;
  }

  /** Once, until they fit again. */
  #warn(omitted: number): void {
    if (omitted > 0 && !this.#isTooMany) {
      this.#options.logger().warn('too many series for Datadog: those that are not sent are those used least', { omitted, maxSeries: this.#maxSeries });
    }
    this.#isTooMany = omitted > 0;
  }
}

/** By name and tags. What differs for the mesh may have the same tags: two methods that differ in the case of a letter are one here. */
function readingsOf(definition: MetricDefinition, snapshot: MetricsSnapshot): Map<string, Reading> {
  const readings = new Map<string, Reading>();
  definition.read(snapshot, (values: readonly string[], value: number | HistogramSnapshot) => {
    const own = values.flatMap((each, index) => (each === '' ? [] : [tagOf(definition.tags[index] as string, each)]));
    const key = `${definition.name} ${own.join()}`;
    const known = readings.get(key)?.value;
    readings.set(key, { own, value: known === undefined ? value : bothOf(definition, known, value) });
  });
  return readings;
}

function bothOf({ type }: MetricDefinition, one: number | HistogramSnapshot, other: number | HistogramSnapshot): number | HistogramSnapshot {
  if (typeof one === 'number' && typeof other === 'number') return type === 'gauge' ? Math.max(one, other) : one + other;
  return typeof one === 'object' && typeof other === 'object' ? together(one, other) : other;
}

const isLess = (value: number | HistogramSnapshot, before: number | HistogramSnapshot): boolean => countOf(value) < countOf(before);
const countOf = (value: number | HistogramSnapshot): number => (typeof value === 'number' ? value : value.count);

/** Nothing for what did not happen meanwhile, but for counts of which there are few: a monitor wants to see those that are 0. */
function seriesOf({ name, unit, tags }: MetricDefinition, own: readonly string[], value: number | HistogramSnapshot, before: number | HistogramSnapshot | undefined, elapsedMs: number): Series[] {
  const more = { tags: own, ...(unit === undefined ? {} : { unit }) };
  if (typeof value !== 'number') {
    const gauges = gaugesOf(value, before);
    return gauges === undefined ? [] : DURATION_GAUGES.map((gauge) => ({ metric: `${name}.${gauge}`, type: GAUGE, value: gauges[gauge], ...more }));
  }
  if (before === undefined) return Number.isFinite(value) ? [{ metric: name, type: GAUGE, value, ...more }] : [];
  const added = value - countOf(before);
  if (!Number.isFinite(added) || (added === 0 && tags.some((tag) => tag !== 'adapter'))) return [];
  return [{ metric: name, type: COUNT, value: added, interval: Math.max(1, Math.round(elapsedMs / 1_000)), ...more }];
}

/** Of what came since then; `undefined` where nothing did. */
function gaugesOf({ bounds, counts, sum, count }: HistogramSnapshot, before: number | HistogramSnapshot | undefined): Readonly<Record<(typeof DURATION_GAUGES)[number], number>> | undefined {
  const old = typeof before === 'object' ? before : undefined;
  const total = count - (old?.count ?? 0);
  if (total <= 0) return undefined;
  const added = counts.map((amount, bucket) => amount - (old?.counts[bucket] ?? 0));
  const quantile = (share: number): number => quantileOf(share * total, added, bounds);
  return { avg: (sum - (old?.sum ?? 0)) / total, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) };
}

/** As Prometheus has it: linear within a bucket; above all bounds the last of them. */
function quantileOf(rank: number, counts: readonly number[], bounds: readonly number[]): number {
  let below = 0;
  for (const [bucket, bound] of bounds.entries()) {
    const amount = counts[bucket] ?? 0;
    if (amount > 0 && below + amount >= rank) {
      const from = bounds[bucket - 1] ?? 0;
      return from + (bound - from) * ((rank - below) / amount);
    }
    below += amount;
  }
  return bounds.at(-1) ?? 0;
}
