import type { CallMetrics, HistogramExemplar, HistogramSnapshot } from '@lemur-bookstores/mesh-interface';

/** A histogram that others are added to. */
export class HistogramSum implements HistogramSnapshot {
  readonly bounds: readonly number[];
  readonly counts: number[];
  readonly #exemplars: (HistogramExemplar | undefined)[] = [];
  sum = 0;
  count = 0;
  /** Of the part that was used last, in ms. */
  idleMs = Infinity;

  constructor({ bounds, counts }: HistogramSnapshot) {
    this.bounds = bounds;
    this.counts = new Array<number>(counts.length).fill(0);
  }

  /** @param other one with the same bounds: all of a mesh have */
  add(other: HistogramSnapshot, idleMs = 0): this {
    for (let i = 0; i < this.counts.length; i++) this.counts[i] = (this.counts[i] as number) + (other.counts[i] ?? 0);
    this.sum += other.sum;
    this.count += other.count;
    if (idleMs < this.idleMs) this.idleMs = idleMs;
    for (const exemplar of other.exemplars ?? []) {
      const known = this.#exemplars[exemplar.bucket];
      if (known === undefined || known.timestamp < exemplar.timestamp) this.#exemplars[exemplar.bucket] = exemplar;
    }
    return this;
  }

  get exemplars(): readonly HistogramExemplar[] {
    return this.#exemplars.filter((exemplar) => exemplar !== undefined);
  }
}

/** The calls of a snapshot: one by one, by method, by peer; each without what has been idle for too long. */
export interface CallTotals {
  readonly calls: readonly CallMetrics[];
  readonly byMethod: readonly DurationsOf[];
  readonly byPeer: readonly DurationsOf[];
}

/** Durations of all calls of one direction with one peer, or of one method. */
export interface DurationsOf {
  readonly direction: CallMetrics['direction'];
  /** The peer, or the method. */
  readonly name: string;
  readonly duration: HistogramSum;
}

/**
 * Sums are over all calls there ever were, so that they never go down, and are left out as a whole: 50 peers with 50 methods are 100 histograms, and not 2,500.
 * @param expireMs what has been idle for longer is left out
 */
export function callTotals(calls: readonly CallMetrics[], expireMs: number): CallTotals {
  return {
    calls: calls.filter(({ idleMs }) => idleMs <= expireMs),
    byMethod: sums(calls, expireMs, ({ method }) => method),
    byPeer: sums(calls, expireMs, ({ peer }) => peer),
  };
}

function sums(calls: readonly CallMetrics[], expireMs: number, nameOf: (call: CallMetrics) => string): DurationsOf[] {
  const found = { inbound: new Map<string, HistogramSum>(), outbound: new Map<string, HistogramSum>() };
  for (const call of calls) {
    const name = nameOf(call);
    let sum = found[call.direction].get(name);
    if (sum === undefined) found[call.direction].set(name, (sum = new HistogramSum(call.duration)));
    sum.add(call.duration, call.idleMs);
  }
  return (['inbound', 'outbound'] as const).flatMap((direction) =>
    [...found[direction]].filter(([, { idleMs }]) => idleMs <= expireMs).map(([name, duration]) => ({ direction, name, duration })));
}
