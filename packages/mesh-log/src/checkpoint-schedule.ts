import type { Clock, ClockTimer } from '@lemur-bookstores/mesh-interface';

const INTERVAL_MS = 1000;
const RECORDS = 1000;

/** When a checkpoint is due: a second after the first record that none covers, or when 1,000 are not covered (PROTOCOL 7.4). */
export class CheckpointSchedule {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #timer: ClockTimer | undefined;
  #isOver = false;

  /** @param onDue called when the second is over */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** @param uncovered how many records no checkpoint covers */
  isDue(uncovered: number): boolean {
    return uncovered >= RECORDS || (uncovered > 0 && this.#isOver);
  }

  /** There are records that no checkpoint covers. */
  arm(): void {
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#isOver = true;
      this.#onDue();
    }, INTERVAL_MS);
  }

  /** A checkpoint was signed: the second begins anew. */
  restart(): void {
    this.cancel();
    this.#isOver = false;
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
