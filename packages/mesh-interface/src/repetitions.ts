import type { Clock, ClockTimer } from './clock.js';

/** Items told apart at once; what comes beyond is one number for each group. */
export const MAX_TOLD_APART = 1_000;

/** What is said of repetitions, and how often. */
export interface RepetitionsOptions<Item> {
  readonly clock: Clock;
  /** In ms. */
  readonly windowMs: number;
  /** `window`: what comes after the end of a window is a first time again. `burst`: only what comes after a whole window without it is. */
  readonly until: 'window' | 'burst';
  /** Told the last of so many; 1 the first time. */
  readonly say: (last: Item, count: number) => void;
  /** Told how many of a group were too many to be told apart. */
  readonly sayOthers: (count: number, group: string) => void;
}

interface Repeated<Item> {
  /** Those that were not said yet. */
  count: number;
  last: Item;
}

/**
 * Says what others can cause at will: the first time at once, what repeats it as one number each window. Sums are exact, and memory is bounded. One timer at most, none
 * while nothing is repeated.
 */
export class Repetitions<Item> {
  readonly #options: RepetitionsOptions<Item>;
  readonly #repeated = new Map<string, Repeated<Item>>();
  readonly #others = new Map<string, number>();
  #timer: ClockTimer | undefined;

  constructor(options: RepetitionsOptions<Item>) {
    this.#options = options;
  }

  /**
   * @param key the same for what is the same
   * @param group of those that there may be thousands of keys of; a handful
   */
  note(key: string, item: Item, group = ''): void {
    const known = this.#repeated.get(key);
    if (known !== undefined) {
      known.count++;
      known.last = item;
      return;
    }
    this.#arm();
    if (this.#repeated.size >= MAX_TOLD_APART) {
      this.#others.set(group, (this.#others.get(group) ?? 0) + 1);
      return;
    }
    this.#repeated.set(key, { count: 0, last: item });
    this.#options.say(item, 1);
  }

  /** Says what was counted, and forgets all. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const all = [...this.#repeated.values()];
    this.#repeated.clear();
    for (const { count, last } of all) if (count > 0) this.#options.say(last, count);
    this.#sayOthers();
  }

  #arm(): void {
    this.#timer ??= this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      if (this.#options.until === 'window') this.flush();
      else this.#endOfWindow();
    }, this.#options.windowMs);
  }

  #endOfWindow(): void {
    for (const [key, repeated] of this.#repeated) {
      const { count, last } = repeated;
      repeated.count = 0;
      if (count === 0) this.#repeated.delete(key);
      else this.#options.say(last, count);
    }
    this.#sayOthers();
    if (this.#repeated.size > 0) this.#arm();
  }

  #sayOthers(): void {
    const others = [...this.#others];
    this.#others.clear();
    for (const [group, count] of others) this.#options.sayOthers(count, group);
  }
}
