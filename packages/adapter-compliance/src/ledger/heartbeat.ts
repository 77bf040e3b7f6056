import type { Clock, ClockTimer } from '@lemur-bookstores/mesh-interface';

/** Says now and then that the ledger records, where nothing else shows it. */
export class Heartbeat {
  readonly #periodMs: number;
  readonly #beat: () => Promise<void>;
  #clock: Clock | undefined;
  #timer: ClockTimer | undefined;
  #beating = false;
  #stopped = false;
  /** Something was written since the last look. */
  #alive = false;

  /** @param beat writes the entry; what it rejects with is said elsewhere */
  constructor(periodMs: number, beat: () => Promise<void>) {
    this.#periodMs = periodMs;
    this.#beat = beat;
  }

  /** Safe to call again; does nothing once it is stopped. */
  start(clock: Clock): void {
    if (this.#clock !== undefined || this.#stopped) return;
    this.#clock = clock;
    this.#arm();
  }

  /** Something was written. */
  wrote(): void {
    this.#alive = true;
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#clock?.setTimeout(() => {
      this.#look();
      this.#arm();
    }, this.#periodMs);
  }

  #look(): void {
    const alive = this.#alive;
    this.#alive = false;
    // A disk that hangs holds one of them, not one for each period.
    if (alive || this.#beating) return;
    this.#beating = true;
    void this.#beat()
      .catch(() => undefined)
      .finally(() => (this.#beating = false));
  }
}
