import type { MeshError, MeshErrorCode } from '@lemur-bookstores/mesh-interface';
import type { CallOutcomes } from '../session/call-outcomes.js';
import { isConnectionLost } from '../session/connection-lost.js';
import { OutlierRecord } from './outlier-record.js';
import { PeakEwma } from './peak-ewma.js';

/** Latency of an answer that says the instance takes no work: failing quickly must attract nothing. In ms. */
export const SLOW_MS = 5_000;

/** Answers that say that an instance works badly; others are about the call. */
const FAILURES: ReadonlySet<MeshErrorCode> = new Set<MeshErrorCode>(['DEADLINE_EXCEEDED', 'UNAVAILABLE', 'INTERNAL', 'UNKNOWN', 'DATA_LOSS']);

/** Compares an instance's outcomes with those of the others. */
export interface OutlierJudge {
  judge(record: OutlierRecord, failed: boolean, now: number): void;
}

/** What an instance has shown of itself: latency and failures, over all its sessions. */
export class EndpointLoad implements CallOutcomes {
  readonly latency = new PeakEwma();
  readonly record = new OutlierRecord();
  judge: OutlierJudge | undefined;
  #connectedAt = -Infinity;
  #answered = false;

  /** Since when it has been there: connected, and not ejected. Monotonic, in ms. */
  get since(): number {
    return Math.max(this.#connectedAt, this.record.returnedAt);
  }

  /** Since it was connected, a call had a result. */
  get answered(): boolean {
    return this.#answered;
  }

  /** It is connected after it was not: what was known of its latency may be of another process. */
  connected(now: number): void {
    this.#connectedAt = now;
    this.latency.clear();
    this.#answered = false;
  }

  ended(ms: number, now: number, error: MeshError | undefined): void {
    if (error === undefined) {
      this.#answered = true;
      this.latency.observe(ms, now);
      this.judge?.judge(this.record, false, now);
      return;
    }
    const { code } = error;
    // Whoever is not connected is not chosen anyway; all its calls in flight say no more than that.
    if (isConnectionLost(error)) return;
    // It took at least as long as somebody waited.
    if (code === 'CANCELLED') return this.latency.atLeast(ms, now);
    if (code === 'RESOURCE_EXHAUSTED' || code === 'UNAVAILABLE') this.latency.observe(Math.max(ms, SLOW_MS), now);
    else if (FAILURES.has(code)) this.latency.atLeast(ms, now);
    else this.latency.observe(ms, now);
    // Pushing back is what an instance does that works.
    if (code !== 'RESOURCE_EXHAUSTED') this.judge?.judge(this.record, FAILURES.has(code), now);
  }
}
