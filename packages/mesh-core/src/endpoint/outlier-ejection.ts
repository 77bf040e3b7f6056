import type { OutlierJudge } from './endpoint-load.js';
import type { OutlierRecord } from './outlier-record.js';
import type { Ejection } from './load-balancing.js';

/** Told of each ejection. */
export type EjectionListener = (record: OutlierRecord, ms: number, why: string) => void;

/**
 * Takes instances out that fail while others do not: after failures in a row, or with a success rate far below that of the others. Never more
 * than a share of those connected, and never the last. Each comes back by itself; one that fails again stays away longer. Needs no timer: times
 * that are over are seen by {@link release}.
 */
export class OutlierEjection implements OutlierJudge {
  readonly #settings: Ejection;
  readonly #onEjected: EjectionListener;
  readonly #random: () => number;
  #members: readonly OutlierRecord[] = [];
  #windowEnds = -Infinity;
  #nextReturn = Infinity;

  constructor(settings: Ejection, onEjected: EjectionListener, random: () => number = Math.random) {
    this.#settings = settings;
    this.#onEjected = onEjected;
    this.#random = random;
  }

  /** When the next one comes back; monotonic, in ms. */
  get nextReturn(): number {
    return this.#nextReturn;
  }

  /** How many of them may be out at once. */
  get allowed(): number {
    const { length } = this.#members;
    return Math.max(0, Math.min(length - 1, Math.floor(length * this.#settings.maxShare)));
  }

  /** Those connected; where too many of them would be out, those that have the least time left come back. */
  replace(members: readonly OutlierRecord[], now: number): void {
    this.#members = members;
    const out = this.#ejected().sort((a, b) => (a.ejectedUntil ?? 0) - (b.ejectedUntil ?? 0));
    for (const record of out.slice(0, Math.max(0, out.length - this.allowed))) record.comeBack(now);
    this.release(now);
  }

  /** Lets those come back whose time is over. */
  release(now: number): void {
    this.#nextReturn = Infinity;
    for (const record of this.#ejected()) {
      const until = record.ejectedUntil ?? now;
      if (until <= now) record.comeBack(now);
      else this.#nextReturn = Math.min(this.#nextReturn, until);
    }
  }

  judge(record: OutlierRecord, failed: boolean, now: number): void {
    if (now >= this.#windowEnds) this.#closeWindow(now);
    // Of calls sent before it was ejected.
    if (record.ejectedUntil !== undefined) return;
    if (!failed) {
      record.succeeded++;
      record.failuresInRow = 0;
      return;
    }
    record.failed++;
    if (++record.failuresInRow >= this.#settings.consecutiveFailures) this.#eject(record, now, `${record.failuresInRow} failures in a row`);
  }

  #closeWindow(now: number): void {
    const { intervalMs } = this.#settings;
    // What lies longer back than one window says nothing of the present.
    if (now < this.#windowEnds + intervalMs) this.#compare(now);
    for (const record of this.#members) record.forget();
    this.#windowEnds = now + intervalMs;
  }

  #compare(now: number): void {
    const { minCalls, successRateGap } = this.#settings;
    let succeeded = 0;
    let calls = 0;
    for (const record of this.#members) {
      succeeded += record.succeeded;
      calls += record.succeeded + record.failed;
    }
    const outliers: { readonly record: OutlierRecord; readonly rate: number; readonly others: number }[] = [];
    for (const record of this.#members) {
      const own = record.succeeded + record.failed;
      if (own < minCalls || calls - own < minCalls) continue;
      const rate = record.succeeded / own;
      const others = (succeeded - record.succeeded) / (calls - own);
      if (others - rate >= successRateGap) outliers.push({ record, rate, others });
    }
    // The share is for the worst.
    outliers.sort((a, b) => a.rate - b.rate);
    for (const { record, rate, others } of outliers) this.#eject(record, now, `${percent(rate)} of its calls succeeded, of the others' ${percent(others)}`);
  }

  #eject(record: OutlierRecord, now: number, why: string): void {
    if (!this.#members.includes(record) || this.#ejected().length >= this.allowed) return;
    const { baseMs, maxMs } = this.#settings;
    if (now - record.returnedAt >= maxMs) record.ejections = 0;
    const full = Math.min(maxMs, baseMs * 2 ** Math.min(record.ejections, 30));
    const ms = full * (0.75 + this.#random() / 4);
    record.eject(now + ms);
    this.#nextReturn = Math.min(this.#nextReturn, now + ms);
    this.#onEjected(record, ms, why);
  }

  #ejected(): OutlierRecord[] {
    return this.#members.filter((record) => record.ejectedUntil !== undefined);
  }
}

const percent = (rate: number): string => `${Math.round(rate * 100)} %`;
