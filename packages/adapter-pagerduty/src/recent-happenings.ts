import type { Fact } from './rules.js';

const BUCKETS = 60;

/** Happenings within `windowMs` by the time of their events, which may come late and out of order: those of a sixtieth of it are one. */
export class RecentHappenings {
  readonly #windowMs: number;
  #buckets: { readonly fact: Fact; weight: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** How many are told apart: a bounded number, whatever comes. */
  get size(): number {
    return this.#buckets.length;
  }

  get sum(): number {
    return this.#buckets.reduce((total, { weight }) => total + weight, 0);
  }

  get first(): Fact | undefined {
    return this.#buckets[0]?.fact;
  }

  add(fact: Fact, weight: number): void {
    this.#buckets = this.#buckets.filter((each) => Math.abs(fact.at - each.fact.at) < this.#windowMs);
    const last = this.#buckets.at(-1);
    if (last !== undefined && fact.at >= last.fact.at && fact.at - last.fact.at < this.#windowMs / BUCKETS) last.weight += weight;
    else this.#buckets.push({ fact: { ...fact, metadata: {} }, weight });
    if (this.#buckets.length > 2 * BUCKETS) this.#buckets.shift();
  }

  clear(): void {
    this.#buckets = [];
  }
}
