interface Waiter {
  readonly sequence: number;
  readonly done: () => void;
}

/** Who waits until everything up to some sequence number has left a lane. */
export class DrainWaiters {
  #waiters: Waiter[] = [];

  /** Resolves once {@link DrainWaiters.release} is told of a later oldest event. */
  wait(sequence: number): Promise<void> {
    return new Promise((done) => void this.#waiters.push({ sequence, done }));
  }

  /** @param oldest looks up the sequence number of the oldest event left, `Infinity` if there is none */
  release(oldest: () => number): void {
    if (this.#waiters.length === 0) return;
    const left = oldest();
    const done = this.#waiters.filter(({ sequence }) => sequence < left);
    this.#waiters = this.#waiters.filter(({ sequence }) => sequence >= left);
    for (const waiter of done) waiter.done();
  }
}
