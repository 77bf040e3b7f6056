import type { HistogramExemplar, HistogramSnapshot, TraceContext } from '@lemur-bookstores/mesh-interface';

/** Upper bounds in seconds: from what a call on one machine takes to what a person gives up at. */
const BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
const BOUNDS_MS = BOUNDS.map((seconds) => seconds * 1000);

/** Counts durations. Plain numbers: nothing per call touches a metrics library. */
export class LatencyHistogram {
  readonly #counts = new Array<number>(BOUNDS.length + 1).fill(0);
  #sumMs = 0;
  #count = 0;
  /** By bucket. Made for the first call that is traced. */
  #traced: (TracedCall | undefined)[] | undefined;

  /** @param trace of the call, where it has one @param now monotonic time, in ms */
  observe(durationMs: number, trace?: TraceContext, now = 0): void {
    let i = 0;
    while (i < BOUNDS_MS.length && durationMs > (BOUNDS_MS[i] as number)) i++;
    this.#counts[i] = (this.#counts[i] as number) + 1;
    this.#sumMs += durationMs;
    this.#count++;
    if (trace !== undefined) (this.#traced ??= new Array<TracedCall | undefined>(BOUNDS.length + 1).fill(undefined))[i] = { trace, durationMs, at: now };
  }

  /** @param epoch what to add to monotonic time to get ms since 1970 */
  snapshot(epoch = 0): HistogramSnapshot {
    const histogram = { bounds: BOUNDS, counts: [...this.#counts], sum: this.#sumMs / 1000, count: this.#count };
    return this.#traced === undefined ? histogram : { ...histogram, exemplars: this.#traced.flatMap((call, bucket) => (call === undefined ? [] : [exemplarOf(call, bucket, epoch)])) };
  }
}

interface TracedCall {
  readonly trace: TraceContext;
  readonly durationMs: number;
  /** Monotonic, in ms. */
  readonly at: number;
}

const exemplarOf = ({ trace, durationMs, at }: TracedCall, bucket: number, epoch: number): HistogramExemplar =>
  ({ bucket, trace, value: durationMs / 1000, timestamp: Math.round(at + epoch) });

const WINDOW_SECONDS = 60;

/** Mean duration of what ended in the last 60 s. */
export class RecentMean {
  readonly #sums = new Float64Array(WINDOW_SECONDS);
  readonly #counts = new Float64Array(WINDOW_SECONDS);
  #second = 0;

  observe(durationMs: number, now: number): void {
    const second = this.#turnTo(now);
    const slot = second % WINDOW_SECONDS;
    this.#sums[slot] = (this.#sums[slot] as number) + durationMs;
    this.#counts[slot] = (this.#counts[slot] as number) + 1;
  }

  /** In ms; 0 if nothing ended. */
  mean(now: number): number {
    this.#turnTo(now);
    let sum = 0;
    let count = 0;
    for (let i = 0; i < WINDOW_SECONDS; i++) {
      sum += this.#sums[i] as number;
      count += this.#counts[i] as number;
    }
    return count === 0 ? 0 : sum / count;
  }

  /** Empties the slots of the seconds that have passed. */
  #turnTo(now: number): number {
    const second = Math.floor(now / 1000);
    for (let passed = Math.max(this.#second + 1, second - WINDOW_SECONDS + 1); passed <= second; passed++) {
      this.#sums[passed % WINDOW_SECONDS] = 0;
      this.#counts[passed % WINDOW_SECONDS] = 0;
    }
    this.#second = second;
    return second;
  }
}
