import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

/** How late the event loop was, in ms. */
export interface EventLoopDelay {
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** How often it is looked at, in ms: each look costs about a microsecond. */
const RESOLUTION_MS = 20;

/** Measures how late the event loop is. Costs nothing until started, and nothing once stopped; never keeps the process alive. */
export class EventLoopLag {
  #histogram: IntervalHistogram | undefined;
  #last: EventLoopDelay | undefined;

  /** Safe to call twice. */
  start(): void {
    if (this.#histogram !== undefined) return;
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#histogram.enable();
  }

  /** Safe to call twice. */
  stop(): void {
    this.#histogram?.disable();
    this.#histogram = undefined;
    this.#last = undefined;
  }

  /** What was since the last `take()`; where nothing was seen since, that of before. `undefined` while it is not started. */
  read(): EventLoopDelay | undefined {
    const histogram = this.#histogram;
    if (histogram === undefined || histogram.count === 0) return this.#last;
    return Object.freeze({ meanMs: lateMs(histogram.mean), p99Ms: lateMs(histogram.percentile(99)), maxMs: lateMs(histogram.max) });
  }

  /** The same, and begins anew. */
  take(): EventLoopDelay | undefined {
    this.#last = this.read();
    // Reset again and again it would never see anything: a reset costs the look after it.
    if (this.#histogram !== undefined && this.#histogram.count > 0) this.#histogram.reset();
    return this.#last;
  }
}

/** The histogram holds the time between two looks, in ns; what exceeds the one that was asked for is delay. To a tenth of a ms. */
const lateMs = (ns: number): number => Math.max(0, Math.round(ns / 1e5 - 10 * RESOLUTION_MS) / 10);
