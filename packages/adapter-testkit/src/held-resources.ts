import { AsyncLocalStorage, createHook } from 'node:async_hooks';

/** Handles and timers have it: whether they keep the process alive. */
interface Refable {
  hasRef(): boolean | null;
}

/**
 * Knows the handles and timers that some code has made, also in what it started, and whether they keep the process alive. What others in the process
 * make (the test runner, the sink) is not counted: that comes and goes as it likes.
 */
export class HeldResources {
  readonly #inside = new AsyncLocalStorage<true>();
  readonly #alive = new Map<number, { readonly kind: string; readonly resource: Refable }>();
  readonly #hook = createHook({
    init: (id, kind, _trigger, resource: object) => {
      if (this.#inside.getStore() === true && isRefable(resource)) this.#alive.set(id, { kind, resource });
    },
    destroy: (id) => {
      this.#alive.delete(id);
    },
  });

  constructor() {
    this.#hook.enable();
  }

  /** Runs the code to be watched. */
  during<T>(run: () => Promise<T>): Promise<T> {
    return this.#inside.run(true, run);
  }

  /** What keeps the process alive by now, by kind: `Timeout`, `TCPWRAP`, `FSEVENTWRAP` … */
  kinds(): readonly string[] {
    return [...this.#alive.values()].filter(({ resource }) => resource.hasRef() === true).map(({ kind }) => kind);
  }

  /** Ends the watch. */
  stop(): void {
    this.#hook.disable();
    this.#alive.clear();
  }
}

const isRefable = (resource: object): resource is Refable => typeof (resource as Partial<Refable>).hasRef === 'function';
