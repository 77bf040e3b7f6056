// What the callers saw. The gateway counts, and hands over what is new since the last time; the terminal adds it up.

/** Buckets grow by 2 %: a percentile is off by no more than that, however many calls there were. */
const GROWTH = Math.log(1.02);
const SMALLEST_MS = 0.01;

/** Durations in ms, as counts a bucket: takes no more memory for a day than for a second. */
export class LatencyHistogram {
  #counts = new Map();
  count = 0;
  maxMs = 0;

  record(ms) {
    this.#add(Math.max(0, Math.ceil(Math.log(ms / SMALLEST_MS) / GROWTH)), 1);
    this.maxMs = Math.max(this.maxMs, ms);
  }

  merge({ buckets, maxMs }) {
    for (const [bucket, count] of buckets) this.#add(bucket, count);
    this.maxMs = Math.max(this.maxMs, maxMs);
  }

  /** The time within which this share of the calls, 0 to 1, was answered; `undefined` without calls. */
  percentile(share) {
    let left = Math.max(1, Math.ceil(this.count * share));
    for (const bucket of [...this.#counts.keys()].sort((a, b) => a - b)) {
      left -= this.#counts.get(bucket);
      if (left <= 0) return Math.min(this.maxMs, SMALLEST_MS * Math.exp(bucket * GROWTH));
    }
    return undefined;
  }

  toJSON() {
    return { buckets: [...this.#counts], maxMs: this.maxMs };
  }

  #add(bucket, count) {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    this.count += count;
  }
}

/** Calls by their outcome. */
export class CallTally {
  made = 0;
  answered = 0;
  latency = new LatencyHistogram();
  /** By `CODE reason`: how many, and how many of them may have run for all that anybody knows. */
  failures = new Map();
  /** Calls that each process had a part in answering, by pid. */
  answeredBy = new Map();

  succeed(ms, pids) {
    this.answered++;
    this.latency.record(ms);
    for (const pid of pids) this.answeredBy.set(pid, (this.answeredBy.get(pid) ?? 0) + 1);
  }

  fail({ code, reason, mayHaveRun }) {
    this.#addFailure(`${code} ${reason}`, { count: 1, mayHaveRun: mayHaveRun === false ? 0 : 1 });
  }

  get failed() {
    return [...this.failures.values()].reduce((sum, { count }) => sum + count, 0);
  }

  merge({ made, answered, latency, failures, answeredBy }) {
    this.made += made;
    this.answered += answered;
    this.latency.merge(latency);
    for (const [kind, failure] of failures) this.#addFailure(kind, failure);
    for (const [pid, count] of answeredBy) this.answeredBy.set(pid, (this.answeredBy.get(pid) ?? 0) + count);
  }

  toJSON() {
    const { made, answered, latency, failures, answeredBy } = this;
    return { made, answered, latency: latency.toJSON(), failures: [...failures], answeredBy: [...answeredBy] };
  }

  #addFailure(kind, { count, mayHaveRun }) {
    const known = this.failures.get(kind) ?? { count: 0, mayHaveRun: 0 };
    this.failures.set(kind, { count: known.count + count, mayHaveRun: known.mayHaveRun + mayHaveRun });
  }
}

/** The calls of the last second, for the live display. */
export class RecentCalls {
  #parts = [];

  add(tally, now = performance.now()) {
    this.#parts.push({ tally, at: now });
  }

  /** @returns how many were answered in the last second, and how fast */
  lastSecond(now = performance.now()) {
    this.#parts = this.#parts.filter(({ at }) => at > now - 1_000);
    const sum = new CallTally();
    for (const { tally } of this.#parts) sum.merge(tally);
    return { answered: sum.answered, p50: sum.latency.percentile(0.5), p99: sum.latency.percentile(0.99) };
  }
}
