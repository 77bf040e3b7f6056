import type { MeshError } from '@lemur-bookstores/mesh-interface';

/**
 * What became of the single events of a batch that was rejected. `logEvents` is all or nothing; services are not. When the lane brings the same events again,
 * all of them or halved to find the one that is refused, those that are stored need not be sent again, and those that were refused need no further request.
 */
export class BatchOutcomes {
  readonly #capacity: number;
  /** By the event's id, oldest first. */
  readonly #outcomes = new Map<string, 'stored' | MeshError>();

  /** @param capacity events that are remembered at most: the oldest go first, and are sent once more if they come again. Default 10,000 */
  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#outcomes.size;
  }

  stored(id: string): void {
    this.#remember(id, 'stored');
  }

  /** @param error why the service will never take it */
  refused(id: string, error: MeshError): void {
    this.#remember(id, error);
  }

  /** `undefined`: nobody knows. */
  of(id: string): 'stored' | MeshError | undefined {
    return this.#outcomes.get(id);
  }

  /** The delivery of these has resolved, or their dead letters are written: they do not come again. */
  settle(ids: Iterable<string>): void {
    if (this.#outcomes.size === 0) return;
    for (const id of ids) this.#outcomes.delete(id);
  }

  #remember(id: string, outcome: 'stored' | MeshError): void {
    this.#outcomes.delete(id);
    if (this.#outcomes.size >= this.#capacity) this.#outcomes.delete(this.#outcomes.keys().next().value!);
    this.#outcomes.set(id, outcome);
  }
}
