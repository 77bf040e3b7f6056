import type { HealthCheckResult, HealthStatus, Logger } from '@lemur-bookstores/mesh-interface';

/** A check whose status is another than before. */
export interface HealthChange {
  readonly name: string;
  readonly status: HealthStatus;
  /** `undefined` for its first result. */
  readonly previous: HealthStatus | undefined;
  /** Whether it counts towards the overall status. */
  readonly critical: boolean;
  readonly result: HealthCheckResult;
  /** The overall status with this result. */
  readonly overall: HealthStatus;
}

/** An overall status that is another than before. */
export interface OverallChange {
  readonly status: HealthStatus;
  /** `undefined` for the first. */
  readonly previous: HealthStatus | undefined;
  /** The critical checks that have this status. */
  readonly because: readonly string[];
}

/** Hears each change of a check's status. */
export type HealthChangeListener = (change: HealthChange) => void;

/** Hears each change of the overall status. */
export type OverallChangeListener = (change: OverallChange) => void;

/** @internal Who hears of changes. What one of them does reaches neither another nor the monitor. */
export class HealthListeners {
  readonly #logger: Logger;
  readonly #byEvent = { change: new Set<HealthChangeListener>(), overall: new Set<OverallChangeListener>() };

  /** @param logger one that does not throw */
  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(event: 'change' | 'overall', listener: HealthChangeListener | OverallChangeListener): () => void {
    const listeners = this.#byEvent[event] as Set<typeof listener>;
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  tellChange(change: HealthChange): void {
    this.#tell(this.#byEvent.change, change, change.name);
  }

  tellOverall(change: OverallChange): void {
    this.#tell(this.#byEvent.overall, change, '*');
  }

  #tell<Change>(listeners: ReadonlySet<(change: Change) => void>, change: Change, check: string): void {
    for (const listener of listeners) {
      // In a promise of its own: a listener may be async, and its rejection would end the process.
      new Promise((resolve) => resolve(listener(change))).catch((error: unknown) => {
        this.#logger.warn('a listener of health changes threw', { check, error: error instanceof Error ? error.message : typeof error });
      });
    }
  }
}
