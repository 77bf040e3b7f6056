import { MeshError, type Clock, type ClockTimer, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/**
 * Hands events to one adapter, one delivery at a time, each within a deadline: all at once through `logEvents` where the
 * adapter has it, else one after the other through `logEvent`. An adapter that hangs has failed; what it still does later is
 * ignored, so a sink must know an event by its id when it comes again.
 */
export class Delivery {
  readonly #adapter: ManagedAdapter;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** Ends the delivery under way. */
  #end: ((failure?: MeshError) => void) | undefined;
  #startedAt = 0;
  #watch: ClockTimer | undefined;

  constructor(adapter: ManagedAdapter, clock: Clock, timeoutMs: number) {
    this.#adapter = adapter;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Whether one event's failure is the whole batch's. */
  get batches(): boolean {
    return typeof this.#adapter.logEvents === 'function';
  }

  /**
   * Never rejects: resolves with why the adapter has not all of them, `undefined` if it has.
   * @param onTaken told how many more events the adapter has, from the first on, as soon as it has them
   */
  deliver(events: readonly MeshAuditEvent[], onTaken: (count: number) => void): Promise<MeshError | undefined> {
    return new Promise((resolve) => {
      let taken = 0;
      this.#startedAt = this.#clock.monotonic();
      const abort = this.batches ? new AbortController() : undefined;

      const end = (failure?: MeshError): void => {
        if (this.#end !== end) return;
        this.#end = undefined;
        if (failure !== undefined) abort?.abort(failure);
        resolve(failure);
      };
      this.#end = end;

      if (this.#watch === undefined) this.#arm(this.#timeoutMs);

      const failed = (error: unknown): void => end(toDeliveryError(error));
      const next = (): void => {
        if (this.#end !== end) return;
        if (taken === events.length) {
          end();
          return;
        }
        this.#startedAt = this.#clock.monotonic();
        try {
          if (abort === undefined) settle(this.#adapter.logEvent(events[taken]!), tookOne, failed);
          else settle(this.#adapter.logEvents!(events, { signal: abort.signal }), tookAll, failed);
        } catch (error) {
          failed(error);
        }
      };
      const tookOne = (): void => {
        if (this.#end !== end) return;
        taken++;
        onTaken(1);
        next();
      };
      const tookAll = (): void => {
        if (this.#end !== end) return;
        onTaken(events.length);
        end();
      };
      next();
    });
  }

  /** Ends the delivery under way as failed, and with it the watch. */
  abort(reason: MeshError): void {
    this.#watch?.cancel();
    this.#watch = undefined;
    this.#end?.(reason);
  }

  /** One timer for all deliveries: it looks how long the event at hand has taken, and waits for the rest. A timer each would cost more than a delivery. */
  #arm(waitMs: number): void {
    this.#watch = this.#clock.setTimeout(() => {
      this.#watch = undefined;
      if (this.#end === undefined) return;
      const leftMs = this.#startedAt + this.#timeoutMs - this.#clock.monotonic();
      if (leftMs > 0) this.#arm(leftMs);
      else this.#end(new MeshError('adapter_timeout', `no answer within ${this.#timeoutMs} ms`, { retryable: true }));
    }, waitMs);
  }
}

/** Adapters in plain JavaScript may answer nothing at all. */
function settle(answer: unknown, taken: () => void, failed: (error: unknown) => void): void {
  Promise.resolve(answer).then(taken, failed);
}

/** A plain Error counts as retryable: the whole contract of an adapter is `logEvent`. */
function toDeliveryError(error: unknown): MeshError {
  if (MeshError.is(error)) return error;
  return new MeshError('adapter_failed', describe(error), { cause: error, retryable: true });
}

function describe(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'threw something that cannot be shown';
  }
}
