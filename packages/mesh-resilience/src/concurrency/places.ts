/** Who waits for a place. */
export interface PlaceWaiter {
  /** It has a place; whoever gave it up has left. Must not throw. */
  onPlace(): void;
}

/**
 * So many places, and a line of bounded length before them. First come, first served: a place that is given up goes to who waits
 * longest, and to nobody else.
 */
export class Places {
  readonly #limit: number;
  readonly #queue: number;
  /** In the order in which they came. */
  readonly #waiting = new Set<PlaceWaiter>();
  #taken = 0;
  /** Places given up that nobody has been asked about yet. */
  #free = 0;
  #handingOver = false;

  constructor(limit: number, queue: number) {
    this.#limit = limit;
    this.#queue = queue;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a free place. While somebody waits there is none. */
  take(): boolean {
    if (this.#taken >= this.#limit) return false;
    this.#taken++;
    return true;
  }

  /** @returns false where the line is full */
  wait(waiter: PlaceWaiter): boolean {
    if (this.#waiting.size >= this.#queue) return false;
    this.#waiting.add(waiter);
    return true;
  }

  /** Leaves the line; nothing where it does not stand in it. */
  leave(waiter: PlaceWaiter): void {
    this.#waiting.delete(waiter);
  }

  /**
   * Gives a place up, once for each that was taken or got. Not one within the other: a line of calls that each end at once would be as deep
   * as it is long.
   */
  giveUp(): void {
    this.#free++;
    if (this.#handingOver) return;
    this.#handingOver = true;
    try {
      while (this.#free > 0) {
        this.#free--;
        const next = this.#waiting.values().next();
        if (next.done === true) this.#taken--;
        else {
          this.#waiting.delete(next.value);
          next.value.onPlace();
        }
      }
    } finally {
      this.#handingOver = false;
    }
  }
}
