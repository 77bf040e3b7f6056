import { endpointPicker, type Candidate, type EndpointPicker } from './endpoint-picker.js';
import type { LoadBalancing } from './load-balancing.js';
import { OutlierEjection } from './outlier-ejection.js';
import { SlowStart } from './slow-start.js';

/** Told that an instance gets no calls for so long, and why. */
export type BalancerListener = (ejected: Candidate, ms: number, why: string) => void;

/** Chooses an instance for each call: among those connected and not ejected, by the strategy, with a slow start. A choice allocates nothing. */
export class Balancer<Instance extends Candidate = Candidate> {
  readonly #pick: EndpointPicker;
  readonly #slowStart: SlowStart;
  readonly #ejection: OutlierEjection | undefined;
  #connected: readonly Instance[] = [];
  /** Those of them that are not ejected: rebuilt when one connects, leaves, is ejected or comes back. */
  #candidates: readonly Instance[] = [];

  constructor({ strategy, ejection, slowStartMs }: LoadBalancing, listener: BalancerListener, random: () => number = Math.random) {
    this.#slowStart = new SlowStart(slowStartMs);
    this.#pick = endpointPicker(strategy, this.#slowStart, random);
    if (ejection === false) return;
    const onEjected = (record: Candidate['load']['record'], ms: number, why: string): void => {
      this.#refresh();
      const ejected = this.#connected.find(({ load }) => load.record === record);
      if (ejected !== undefined) listener(ejected, ms, why);
    };
    this.#ejection = new OutlierEjection(ejection, onEjected, random);
  }

  /** Those that have a session. */
  replace(connected: readonly Instance[], now: number): void {
    this.#connected = connected;
    for (const { load } of connected) load.judge = this.#ejection;
    this.#ejection?.replace(connected.map(({ load }) => load.record), now);
    this.#refresh();
  }

  /** @param now monotonic time, in ms */
  pick(now: number): Instance | undefined {
    if (this.#ejection !== undefined && now >= this.#ejection.nextReturn) {
      this.#ejection.release(now);
      this.#refresh();
    }
    return this.#choose(this.#candidates, now);
  }

  /** As {@link pick}, among some of them; one that is ejected rather than none. */
  pickAmong(some: readonly Instance[], now: number): Instance | undefined {
    const candidates = some.filter(({ load }) => load.record.ejectedUntil === undefined);
    return this.#choose(candidates.length > 0 ? candidates : some, now);
  }

  #choose(candidates: readonly Instance[], now: number): Instance | undefined {
    return candidates.length > 1 ? this.#pick(candidates, now) : candidates[0];
  }

  #refresh(): void {
    this.#candidates = this.#connected.filter(({ load }) => load.record.ejectedUntil === undefined);
    this.#slowStart.replace(this.#candidates.map(({ load }) => load));
  }
}
