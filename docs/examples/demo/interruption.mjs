import { setTimeout as sleep } from 'node:timers/promises';

/** Ends all waiting at once: when somebody presses Ctrl-C, or a process is lost that was not meant to be. */
export class Interruption {
  #controller = new AbortController();

  /** Why; `undefined` as long as nothing happened. */
  get reason() {
    return this.#controller.signal.reason;
  }

  raise(reason) {
    this.#controller.abort(reason);
  }

  /**
   * What the promise gives; with a limit, `undefined` where that passes first.
   * @throws the reason of the interruption
   */
  until(promise, limitMs) {
    const { signal } = this.#controller;
    return new Promise((resolve, reject) => {
      const interrupt = () => reject(signal.reason);
      if (signal.aborted) return interrupt();
      signal.addEventListener('abort', interrupt, { once: true });
      const timer = limitMs === undefined ? undefined : setTimeout(resolve, limitMs);
      promise.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        signal.removeEventListener('abort', interrupt);
      });
    });
  }

  async pause(delayMs) {
    const { signal } = this.#controller;
    await sleep(delayMs, undefined, { signal }).catch(() => {
      throw signal.reason;
    });
  }
}
