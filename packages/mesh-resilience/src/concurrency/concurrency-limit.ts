import { MeshError, type Clock, type ClockTimer, type InterceptedCall, type Interceptor } from '@lemur-bookstores/mesh-interface';
import { completeConcurrencyLimit, type ConcurrencyLimitOptions, type ConcurrencyLimitSettings } from './concurrency-limit-options.js';
import { Places, type PlaceWaiter } from './places.js';

/** Lets so many calls run at once; so many more wait, within their deadlines; the rest is refused at once, before it takes memory. */
export class ConcurrencyLimit {
  readonly #settings: ConcurrencyLimitSettings;
  readonly #places: Places;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(options: ConcurrencyLimitOptions = {}) {
    this.#settings = completeConcurrencyLimit(options);
    this.#places = new Places(this.#settings.limit, this.#settings.queue);
  }

  get direction(): 'inbound' | 'outbound' {
    return this.#settings.direction;
  }

  /** Calls that run. A handler has its place until it ends, also where its caller has gone: it is still at work. */
  get running(): number {
    return this.#places.taken;
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.#places.waiting;
  }

  /** For calls of its direction; those of the other pass. */
  readonly interceptor: Interceptor = (call, next) => {
    if (call.direction !== this.#settings.direction) return next(call);
    if (this.#places.take()) return this.#run(call, next);
    return new Promise<void>((resolve, reject) => {
      const waiting = new WaitingCall(call, this.#settings.clock, this.#places, resolve, reject);
      if (!waiting.isOver && !this.#places.wait(waiting)) waiting.refuse(this.#overloaded());
    }).then(() => this.#run(call, next));
  };

  #run(call: InterceptedCall, next: (call: InterceptedCall) => Promise<unknown>): Promise<unknown> {
    let outcome: Promise<unknown>;
    try {
      outcome = next(call);
    } catch (error) {
      this.#places.giveUp();
      throw error;
    }
    // Not `finally()`: it makes three promises of one.
    return outcome.then(this.#onResult, this.#onError);
  }

  readonly #onResult = (value: unknown): unknown => {
    this.#places.giveUp();
    return value;
  };

  readonly #onError = (error: unknown): never => {
    this.#places.giveUp();
    throw error;
  };

  /**
   * A place without an interceptor: for who keeps to the deadlines himself.
   * @returns `undefined`: it has one. `'wait'`: it hears of it, unless it leaves by {@link leave}. A MeshError: it is refused
   */
  enter(call: PlaceWaiter): MeshError | 'wait' | undefined {
    if (this.#places.take()) return undefined;
    return this.#places.wait(call) ? 'wait' : this.#overloaded();
  }

  /** Leaves the line. */
  leave(call: PlaceWaiter): void {
    this.#places.leave(call);
  }

  /** Gives a place up: once for each that {@link enter} gave, or that was heard of. */
  ended(): void {
    this.#places.giveUp();
  }

  #overloaded(): MeshError {
    const { limit, queue } = this.#settings;
    return new MeshError('overloaded', `${limit} calls are running and ${queue} are waiting`, { mayHaveRun: false });
  }
}

/** A call in the line: leaves it with a place, at its deadline, or when it is cancelled, whichever comes first. */
class WaitingCall implements PlaceWaiter {
  readonly #call: InterceptedCall;
  readonly #places: Places;
  readonly #resolve: () => void;
  readonly #reject: (error: MeshError) => void;
  readonly #timer: ClockTimer | undefined;
  isOver = false;

  constructor(call: InterceptedCall, clock: Clock, places: Places, resolve: () => void, reject: (error: MeshError) => void) {
    this.#call = call;
    this.#places = places;
    this.#resolve = resolve;
    this.#reject = reject;
    const remainingMs = call.deadline - clock.monotonic();
    if (call.signal.aborted) this.#onAbort();
    else if (remainingMs <= 0) this.#onDeadline();
    else {
      // Infinity: a call that may wait for ever.
      if (remainingMs < Infinity) this.#timer = clock.setTimeout(() => this.#onDeadline(), remainingMs);
      call.signal.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  onPlace(): void {
    this.#end();
    this.#resolve();
  }

  refuse(error: MeshError): void {
    this.#end();
    this.#places.leave(this);
    this.#reject(error);
  }

  #onDeadline(): void {
    this.refuse(new MeshError('deadline_exceeded', `'${this.#call.method}' waited for its turn until its time was up`, { mayHaveRun: false }));
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#call.signal.reason;
    if (MeshError.is(reason) && reason.code === 'DEADLINE_EXCEEDED') this.#onDeadline();
    else this.refuse(new MeshError('cancelled', `'${this.#call.method}' was cancelled while it waited for its turn`, { cause: reason, mayHaveRun: false }));
  };

  #end(): void {
    this.isOver = true;
    this.#timer?.cancel();
    this.#call.signal.removeEventListener('abort', this.#onAbort);
  }
}
