import { ThrottledWarning, type Clock, type Logger, type MeshAuditEvent, type MeshError } from '@lemur-bookstores/mesh-interface';
import { eventForAdapter, type StampedEvent } from './event-stamper.js';
import { swallowRejection } from './swallow-rejection.js';

/**
 * Told of events that an adapter will never get: it refused them for good, or its tries are used up. Called at once, and not waited for.
 * @param failure why
 */
export type DeadLetterListener = (events: readonly MeshAuditEvent[], failure: MeshError, adapterName: string) => void;

/** Hands events that an adapter will never get to whoever wants them. */
export class DeadLetters {
  readonly #adapter: string;
  readonly #listener: DeadLetterListener | undefined;
  readonly #warning: ThrottledWarning;

  constructor(adapter: string, listener: DeadLetterListener | undefined, clock: Clock, logger: Logger) {
    this.#adapter = adapter;
    this.#listener = listener;
    this.#warning = new ThrottledWarning(logger, clock);
  }

  /** Never throws. */
  add(entries: readonly StampedEvent[], failure: MeshError): void {
    if (this.#listener === undefined) return;
    try {
      swallowRejection(this.#listener(entries.map(eventForAdapter), failure, this.#adapter));
    } catch (error) {
      this.#warning.warn('onDeadLetter threw', { error: error instanceof Error ? error.message : typeof error });
    }
  }
}
