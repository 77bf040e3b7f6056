/** Largest relative error of a percentile. */
export const PERCENTILE_ERROR = 0.01;

/** Bounds of neighbouring buckets have this ratio: the estimate in between is within {@link PERCENTILE_ERROR} of both. */
const RATIO = (1 + PERCENTILE_ERROR) / (1 - PERCENTILE_ERROR);
const LOG_RATIO = Math.log(RATIO);
/** 1 µs: what is shorter counts as 0. In ms. */
const SHORTEST = 0.001;
/** About 11.6 days: what is longer counts as that. In ms. */
const LONGEST = 1e9;

const bucketOf = (ms: number): number => Math.ceil(Math.log(ms) / LOG_RATIO);
const FIRST = bucketOf(SHORTEST);
const LAST = bucketOf(LONGEST);
/** Buckets that memory grows by. */
const STEP = 64;

/** What a histogram tells. All durations in ms. */
export interface DurationSummary {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
}

/**
 * Durations in buckets whose bounds grow by 2 % each (as DDSketch has them, https://arxiv.org/abs/1908.10693): percentiles by nearest rank,
 * within 1 % of the true one (or 1 µs), up to 1e9 ms, in at most 11 KiB however many there were. Count, minimum, maximum and mean are exact.
 */
export class DurationHistogram {
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;
  /** Shorter than 1 µs. */
  #zeros = 0;
  /** Counts of buckets, from bucket `#first` on. */
  #buckets = new Float64Array(0);
  #first = 0;

  get count(): number {
    return this.#count;
  }

  /** What its buckets take in memory. */
  get bytes(): number {
    return this.#buckets.byteLength;
  }

  /** @param ms what is no finite number of at least 0 is left out */
  add(ms: number): void {
    if (!(ms >= 0 && ms < Infinity)) return;
    this.#count++;
    this.#sum += ms;
    if (ms < this.#min) this.#min = ms;
    if (ms > this.#max) this.#max = ms;
    if (ms < SHORTEST) this.#zeros++;
    else this.#put(ms >= LONGEST ? LAST : bucketOf(ms), 1);
  }

  merge(other: DurationHistogram): void {
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
    this.#zeros += other.#zeros;
    other.#buckets.forEach((count, index) => {
      if (count > 0) this.#put(other.#first + index, count);
    });
  }

  /** @param share from 0 to 1, e.g. 0.99 @returns ms; 0 if there were none */
  percentile(share: number): number {
    if (this.#count === 0) return 0;
    let left = Math.max(1, Math.ceil(share * this.#count)) - this.#zeros;
    if (left <= 0) return this.#min;
    for (const [index, count] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0) return this.#within((2 * RATIO ** (this.#first + index)) / (RATIO + 1));
    }
    return this.#max;
  }

  summary(): DurationSummary | undefined {
    if (this.#count === 0) return undefined;
    const [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map((share) => this.percentile(share)) as [number, number, number, number];
    return Object.freeze({ count: this.#count, min: this.#min, max: this.#max, mean: this.#sum / this.#count, p50, p90, p95, p99 });
  }

  #within(ms: number): number {
    return Math.min(this.#max, Math.max(this.#min, ms));
  }

  #put(bucket: number, count: number): void {
    let at = bucket - this.#first;
    if (at < 0 || at >= this.#buckets.length) {
      this.#reach(bucket);
      at = bucket - this.#first;
    }
    this.#buckets[at]! += count;
  }

  /** Makes room for a bucket: as much as all of them take, in the end. */
  #reach(bucket: number): void {
    const empty = this.#buckets.length === 0;
    const first = Math.max(FIRST, empty ? bucket - STEP / 2 : bucket < this.#first ? bucket - STEP : this.#first);
    const end = Math.min(LAST + 1, empty ? bucket + STEP / 2 : Math.max(this.#first + this.#buckets.length, bucket + STEP));
    const buckets = new Float64Array(end - first);
    if (!empty) buckets.set(this.#buckets, this.#first - first);
    this.#buckets = buckets;
    this.#first = first;
  }
}
