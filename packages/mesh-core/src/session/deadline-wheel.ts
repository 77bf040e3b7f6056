import type { Clock, ClockTimer } from '@lemur-bookstores/mesh-interface';

const TICK_MS = 10;
const SLOTS = 4096;

/** Something with a deadline. Lies in a {@link DeadlineWheel} through its own links: no allocation, removal in constant time. */
export abstract class WheelEntry {
  /** Monotonic time, in ms. */
  dueAt = 0;
  /** @internal */ wheelSlot = -1;
  /** @internal */ wheelNext: WheelEntry | undefined;
  /** @internal */ wheelPrevious: WheelEntry | undefined;

  /** The deadline has passed; the entry is out of the wheel. Must not throw. */
  abstract onDeadline(): void;
}

/**
 * Deadlines of all calls: a timer each would cost more than the call's own bookkeeping. One turn of the wheel is 41 s; what is due
 * later stays in its slot for another turn. Fires at most 20 ms late, and its one timer runs only while something waits.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #slots: (WheelEntry | undefined)[] = new Array<WheelEntry | undefined>(SLOTS);
  #size = 0;
  #tick = 0;
  #timer: ClockTimer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  add(entry: WheelEntry, dueAt: number): void {
    if (this.#timer === undefined) {
      this.#tick = Math.floor(this.#clock.monotonic() / TICK_MS);
      this.#arm();
    }
    entry.dueAt = dueAt;
    // Never in the slot under the hand: it would be looked at only a turn later.
    const slot = Math.max(Math.ceil(dueAt / TICK_MS), this.#tick + 1) % SLOTS;
    const head = this.#slots[slot];
    entry.wheelSlot = slot;
    entry.wheelNext = head;
    entry.wheelPrevious = undefined;
    if (head !== undefined) head.wheelPrevious = entry;
    this.#slots[slot] = entry;
    this.#size++;
  }

  remove(entry: WheelEntry): void {
    if (entry.wheelSlot < 0) return;
    const { wheelNext: next, wheelPrevious: previous } = entry;
    if (previous === undefined) this.#slots[entry.wheelSlot] = next;
    else previous.wheelNext = next;
    if (next !== undefined) next.wheelPrevious = previous;
    entry.wheelSlot = -1;
    entry.wheelNext = entry.wheelPrevious = undefined;
    this.#size--;
  }

  /** Nothing new comes. What still waits gets its deadline. */
  stop(): void {
    if (this.#size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => this.#turn(), TICK_MS);
  }

  #turn(): void {
    const now = this.#clock.monotonic();
    const target = Math.floor(now / TICK_MS);
    // After a long stall one look at every slot is enough.
    const first = Math.max(this.#tick + 1, target - SLOTS + 1);
    for (let tick = first; tick <= target; tick++) {
      // Kept up to date for what a callback adds.
      this.#tick = tick;
      this.#expire(tick % SLOTS, now);
    }
    if (this.#size > 0) this.#arm();
    else this.#timer = undefined;
  }

  #expire(slot: number, now: number): void {
    const due: WheelEntry[] = [];
    for (let entry = this.#slots[slot]; entry !== undefined; entry = entry.wheelNext) if (entry.dueAt <= now) due.push(entry);
    for (const entry of due) {
      // An earlier entry's callback may have removed this one.
      if (entry.wheelSlot < 0) continue;
      this.remove(entry);
      entry.onDeadline();
    }
  }
}
