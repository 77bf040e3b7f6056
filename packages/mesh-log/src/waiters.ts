interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Callers who wait for the same thing to happen next. */
export class Waiters<T> {
  #waiting: Waiter<T>[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(): Promise<T> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  resolve(value: T): void {
    for (const { resolve } of this.#take()) resolve(value);
  }

  reject(error: unknown): void {
    for (const { reject } of this.#take()) reject(error);
  }

  #take(): readonly Waiter<T>[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }
}
