import type { CallMetrics, Clock, MeshErrorCode, TraceContext } from '@lemur-bookstores/mesh-interface';
import { LatencyHistogram, RecentMean } from './latency-histogram.js';

/** Label sets kept; what comes after is counted under `_OTHER`. */
const MAX_SERIES = 5_000;
const OTHER = '_OTHER';

/** Calls of one direction, peer and method. */
export class MethodStatistics {
  readonly direction: 'inbound' | 'outbound';
  readonly peer: string;
  readonly method: string;
  readonly duration = new LatencyHistogram();
  readonly failed = new Map<MeshErrorCode, number>();
  /** What an audit event says of an inbound call; frozen, and the same object for all: an audit logger then redacts it once. */
  readonly metadata: Readonly<Record<string, unknown>>;
  started = 0;
  succeeded = 0;
  /** When a call ended last, monotonic, in ms. */
  endedAt = 0;

  constructor(direction: 'inbound' | 'outbound', peer: string, method: string) {
    this.direction = direction;
    this.peer = peer;
    this.method = method;
    this.metadata = Object.freeze({ direction, method });
  }

  /** @param now monotonic time, in ms @param epoch what to add to it to get ms since 1970 */
  snapshot(now: number, epoch: number): CallMetrics {
    const { direction, peer, method, started } = this;
    const duration = this.duration.snapshot(epoch);
    const idleMs = started > duration.count ? 0 : Math.max(0, now - this.endedAt);
    return { direction, peer, method, started, ended: Object.fromEntries([['OK', this.succeeded], ...this.failed]), duration, idleMs };
  }
}

/** Counts calls, both directions. */
export class CallStatistics {
  readonly #clock: Clock;
  readonly #series = new Map<string, MethodStatistics>();
  readonly #recent = new RecentMean();
  messagesSent = 0;
  messagesFailed = 0;
  messagesReceived = 0;
  /** Inbound calls that the gate refused because their peer calls too often. */
  rateLimited = 0;
  /** Inbound calls that the gate refused because too many run and wait. */
  overloaded = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The series of a direction, peer and method. Callers keep it: looking it up joins three strings. */
  series(direction: 'inbound' | 'outbound', peer: string, method: string): MethodStatistics {
    const key = `${direction} ${peer} ${method}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= MAX_SERIES && peer !== OTHER) return this.series(direction, OTHER, OTHER);
    const series = new MethodStatistics(direction, peer, method);
    this.#series.set(key, series);
    return series;
  }

  started(series: MethodStatistics): void {
    series.started++;
    if (series.direction === 'outbound') this.messagesSent++;
    else this.messagesReceived++;
  }

  /** @param code what a failed call failed with; `undefined` for success. @param now monotonic time, in ms */
  ended(series: MethodStatistics, durationMs: number, code: MeshErrorCode | undefined, now: number, trace?: TraceContext): void {
    series.duration.observe(durationMs, trace, now);
    series.endedAt = now;
    if (code === undefined) series.succeeded++;
    else series.failed.set(code, (series.failed.get(code) ?? 0) + 1);
    if (series.direction === 'inbound') return;
    if (code !== undefined) this.messagesFailed++;
    this.#recent.observe(durationMs, now);
  }

  /** The gate has refused a call. */
  refused(reason: string): void {
    if (reason === 'rate_limited') this.rateLimited++;
    else if (reason === 'overloaded') this.overloaded++;
  }

  averageLatency(): number {
    return this.#recent.mean(this.#clock.monotonic());
  }

  snapshot(): CallMetrics[] {
    const now = this.#clock.monotonic();
    const epoch = this.#clock.now() - now;
    return Array.from(this.#series.values(), (series) => series.snapshot(now, epoch));
  }
}
