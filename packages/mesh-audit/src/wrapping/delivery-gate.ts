import type { Clock } from '@lemur-bookstores/mesh-interface';

/**
 * Keeps what a wrapping adapter says by itself apart from the deliveries that pass through it: a lane gives its adapter one thing at a time,
 * and so does this. Deliveries do not wait for each other.
 */
export class DeliveryGate {
  #passing = 0;
  #alone: Promise<void> | undefined;
  #onQuiet: (() => void) | undefined;

  /** Runs a delivery, after what is said alone just now. */
  async pass(run: () => Promise<void>): Promise<void> {
    while (this.#alone !== undefined) await this.#alone;
    this.#passing++;
    try {
      await run();
    } finally {
      if (--this.#passing === 0) this.#onQuiet?.();
    }
  }

  /**
   * Runs something while no delivery runs. One delivery after the other, or one that hangs, is waited for `patienceMs` at most. One call at a
   * time; `run` must end by itself, since deliveries wait for it.
   */
  async alone(clock: Clock, patienceMs: number, run: () => Promise<void>): Promise<void> {
    let patient = true;
    const timer = clock.setTimeout(() => {
      patient = false;
      this.#onQuiet?.();
    }, patienceMs);
    // Again: a delivery may have begun between the last one's end and here.
    while (this.#passing > 0 && patient) await new Promise<void>((quiet) => (this.#onQuiet = quiet));
    timer.cancel();
    this.#onQuiet = undefined;
    const running = run();
    this.#alone = running.then(ignore, ignore);
    try {
      await running;
    } finally {
      this.#alone = undefined;
    }
  }
}

const ignore = (): void => undefined;
