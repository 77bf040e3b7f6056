import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import { EventLoopLag } from '@lemur-bookstores/mesh-health';
import type { Clock, EventLoopMetrics } from '@lemur-bookstores/mesh-interface';

/** How much of the past a look has at least, in ms, once so much is over; twice as much at most. */
const WINDOW_MS = 30_000;

/** A while that is measured, from its beginning on. */
interface Span {
  readonly lag: EventLoopLag;
  since: number;
  worked: EventLoopUtilization;
}

/**
 * How late the event loop is, for any number of readers: two spans that overlap, one a window older, and what is told is the older one's. So none begins anew for
 * another, and who looks twice a minute misses no stall. It has no timer: a span ends when somebody looks. Apart from that of the health check.
 */
export class EventLoopMeter {
  readonly #clock: Clock;
  #spans: readonly [older: Span, newer: Span] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Safe to call twice. */
  start(): void {
    if (this.#spans !== undefined) return;
    const begin = (): Span => ({ lag: new EventLoopLag(), since: this.#clock.monotonic(), worked: performance.eventLoopUtilization() });
    this.#spans = [begin(), begin()];
    for (const { lag } of this.#spans) lag.start();
  }

  /** Safe to call twice. */
  stop(): void {
    for (const { lag } of this.#spans ?? []) lag.stop();
    this.#spans = undefined;
  }

  /** `undefined` while it is not started, and until it has seen something. */
  read(): EventLoopMetrics | undefined {
    if (this.#spans === undefined) return undefined;
    const [older, newer] = this.#spans;
    const delay = older.lag.read();
    if (delay === undefined) return undefined;
    const { utilization } = performance.eventLoopUtilization(older.worked);
    const now = this.#clock.monotonic();
    if (now - newer.since >= WINDOW_MS) {
      older.lag.take();
      older.since = now;
      older.worked = performance.eventLoopUtilization();
      this.#spans = [newer, older];
    }
    return { ...delay, utilization: Math.round(utilization * 1_000) / 1_000 };
  }
}
