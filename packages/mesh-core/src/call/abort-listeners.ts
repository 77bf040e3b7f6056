/** Something an AbortSignal ends. */
export interface Abortable {
  onAbort(reason: unknown): void;
}

/**
 * One listener a signal, however many calls share it: a request's signal is often given to all calls made for it, and an
 * EventTarget warns from the eleventh listener on.
 */
class AbortListeners {
  readonly #bySignal = new WeakMap<AbortSignal, Set<Abortable>>();

  add(signal: AbortSignal, abortable: Abortable): void {
    const known = this.#bySignal.get(signal);
    if (known !== undefined) return void known.add(abortable);
    const waiting = new Set([abortable]);
    this.#bySignal.set(signal, waiting);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  remove(signal: AbortSignal, abortable: Abortable): void {
    const waiting = this.#bySignal.get(signal);
    if (waiting === undefined || !waiting.delete(abortable) || waiting.size > 0) return;
    this.#bySignal.delete(signal);
    signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (event: Event): void => {
    const signal = event.target as AbortSignal;
    const waiting = this.#bySignal.get(signal);
    this.#bySignal.delete(signal);
    for (const abortable of waiting ?? []) abortable.onAbort(signal.reason);
  };
}

/** Shared by all meshes of the process: a signal may be, too. */
export const abortListeners = new AbortListeners();
