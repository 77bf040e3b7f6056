import { once } from 'node:events';

/** On however slow a machine: what did not happen by then does not happen. */
const PATIENCE_MS = 15_000;

/** How the play waits: for what happens rather than for time to pass, never for ever, and not after an interruption. */
export class Waiting {
  #stage;
  #narrator;
  #interruption;

  constructor({ stage, narrator, interruption }) {
    this.#stage = stage;
    this.#narrator = narrator;
    this.#interruption = interruption;
  }

  /** What the promise gives; it has a limit of its own. */
  until(promise) {
    return this.#interruption.until(promise);
  }

  /** What the promise gives, `undefined` where patience ends first. */
  withPatience(promise) {
    return this.#interruption.until(promise, PATIENCE_MS);
  }

  /** @returns whether it is so, or comes to be so within all patience */
  async happens(isSo) {
    const deadline = performance.now() + PATIENCE_MS;
    while (!isSo() && performance.now() < deadline) await this.pause(20);
    return isSo();
  }

  /** What these services have counted until now has arrived: by themselves they tell so a few times a second. */
  async figuresOf(...names) {
    for (const name of names) {
      const service = this.#stage.process(name);
      const told = once(service, 'figures');
      service.tell({ type: 'figures' });
      await this.withPatience(told);
    }
  }

  pause(ms) {
    return this.#interruption.pause(ms);
  }

  /** Waits until so many ms of the load have passed. */
  time(atMs) {
    return this.pause(Math.max(0, atMs - this.#narrator.elapsedMs));
  }
}
