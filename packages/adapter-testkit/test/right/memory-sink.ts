import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { SinkFailure } from '../../src/adapter-description.js';

/** What a sink somewhere else answers. */
export class SinkRefusal extends Error {
  readonly failure: SinkFailure;

  constructor(failure: SinkFailure) {
    super(`the sink refuses: ${failure.kind}`);
    this.failure = failure;
  }

  /** As an adapter should tell of it. */
  toMeshError(): MeshError {
    const { kind, retryAfterMs } = this.failure;
    return new MeshError('adapter_failed', this.message, { cause: this, retryable: kind !== 'permanent', ...(kind === 'throttled' ? { retryAfterMs } : {}) });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes texts one turn of the event loop later, and can be told to refuse or to hang. */
export class MemorySink {
  records: string[] = [];
  #failure: SinkFailure | undefined;
  #hanging = false;
  readonly #hung = new Set<() => void>();

  get refuses(): boolean {
    return this.#failure !== undefined;
  }

  async put(records: readonly string[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await turn();
    if (this.#hanging) await this.#hang(signal);
    signal?.throwIfAborted();
    if (this.#failure !== undefined) {
      if (this.#failure.kind === 'partial') this.records.push(...records.slice(0, 1));
      throw new SinkRefusal(this.#failure);
    }
    this.records.push(...records);
  }

  readonly received = (): unknown[] => this.records.map((record) => JSON.parse(record) as unknown);

  readonly fail = (failure: SinkFailure): void => {
    this.#failure = failure;
  };

  readonly hang = (): void => {
    this.#hanging = true;
  };

  readonly release = (): void => {
    this.#failure = undefined;
    this.#hanging = false;
    for (const goOn of this.#hung) goOn();
    this.#hung.clear();
  };

  #hang(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.#hung.add(resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
