import { AsyncResource } from 'node:async_hooks';
import { MeshError, type CallGate, type CallScopes, type Clock, type GatedCall, type InterceptedCall, type Interceptor, type PeerIdentity } from '@lemur-bookstores/mesh-interface';
import type { AnyHandler, RunningCall } from './handlers.js';
import { InboundContext, type ReadableHead } from './inbound-context.js';
import { runThrough } from './interceptor-chain.js';
import { isThenable } from './is-thenable.js';

/** What stands between a call and its handler. */
export interface HandlerRunParts {
  readonly serviceId: string;
  readonly clock: Clock;
  /** Asked before a handler and its interceptors run. `undefined`: everything is let in. */
  readonly gate: CallGate | undefined;
  /** What calls that handlers make find out by what they are made for. `undefined`: they do not. */
  readonly scopes: CallScopes | undefined;
  readonly interceptors: readonly Interceptor[];
}

/** What waits for the gate, with the async context that it came in: who makes room for it is another call. */
interface WaitingHandler {
  readonly handler: AnyHandler;
  readonly input: unknown;
  readonly context: AsyncResource;
}

/** The way of a call to its handler: gate → interceptors → handler. It has its place until all of it has ended, also where nobody waits for the answer. */
export abstract class HandlerRun extends InboundContext implements GatedCall, RunningCall {
  readonly #parts: HandlerRunParts;
  #waiting: WaitingHandler | undefined;
  /** The gate has let it in and does not know yet that it has ended. */
  #inside = false;
  /** What has not ended: the interceptors, and the handler each time that they run it. */
  #work = 0;
  /** An interceptor or a schema has it, and the handler has not run. */
  #kept = false;
  #ran = false;

  constructor(parts: HandlerRunParts, method: string, peer: PeerIdentity, head: ReadableHead) {
    super(method, peer, head, parts.clock);
    this.#parts = parts;
  }

  /** Whether somebody still wants the handler to run. */
  protected abstract readonly wanted: boolean;
  /** The gate has let it in: {@link handle} is next. */
  protected abstract admitted(handler: AnyHandler, input: unknown): void;
  /** The gate has refused it. */
  protected abstract refused(error: MeshError): void;
  protected abstract ended(result: unknown): void;
  /** @param kept an interceptor has it, and the handler has not run */
  protected abstract failed(error: unknown, kept: boolean): void;

  protected askGate(handler: AnyHandler, input: unknown): void {
    const { gate } = this.#parts;
    const answer = gate?.enter(this);
    if (answer === undefined) {
      this.#inside = gate !== undefined;
      this.admitted(handler, input);
    } else if (answer === 'wait') this.#waiting = { handler, input, context: new AsyncResource('InboundCall') };
    else this.refused(answer);
  }

  onPlace(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#inside = true;
    if (waiting === undefined || !this.wanted) return this.leaveGate();
    waiting.context.runInAsyncScope(() => this.admitted(waiting.handler, waiting.input));
  }

  onRefused(error: MeshError): void {
    this.#waiting = undefined;
    this.refused(error);
  }

  /** Leaves the line, or a place in which nothing runs. Last of all: it may run the handlers of others. */
  protected leaveGate(): void {
    if (this.#waiting !== undefined) {
      this.#waiting = undefined;
      this.#parts.gate?.leave(this);
    } else if (this.#inside && this.#work === 0) {
      this.#inside = false;
      this.#parts.gate?.ended();
    }
  }

  protected handle(handler: AnyHandler, input: unknown): void {
    const { scopes, interceptors } = this.#parts;
    this.#work = 1;
    try {
      const work = interceptors.length === 0 ? handler : this.#intercepted(handler);
      const result = scopes === undefined ? work(input, this) : scopes.run(this, work, input, this);
      if (!isThenable(result)) return this.#onResult(result);
      result.then(
        (value) => this.#onResult(value),
        (error: unknown) => this.#onThrow(error),
      );
    } catch (error) {
      this.#onThrow(error);
    }
  }

  progress(stage: 'checking' | 'running'): boolean {
    if (stage === 'running') this.#ran = true;
    this.#kept = !this.#ran;
    return this.wanted;
  }

  #onResult(result: unknown): void {
    this.ended(result);
    this.#workEnded();
  }

  #onThrow(error: unknown): void {
    this.failed(error, this.#kept);
    this.#workEnded();
  }

  /** The handler as interceptors see it. */
  #intercepted(handler: AnyHandler): AnyHandler {
    return (input) => {
      const { serviceId, interceptors } = this.#parts;
      const { method, metadata, signal, peer, trace, dueAt: deadline } = this;
      const call: InterceptedCall = { direction: 'inbound', service: serviceId, method, input, metadata, deadline, signal, peer, ...(trace === undefined ? {} : { trace }) };
      this.#kept = true;
      return runThrough(interceptors, call, (last) => {
        // Where the answer vouched that the handler has not run, it must not run later either.
        if (!this.wanted) return Promise.reject(new MeshError('cancelled', `'${method}' has ended before its handler ran`));
        this.#kept = false;
        return this.#counted(() => handler(last.input, this));
      });
    };
  }

  /** An interceptor may answer before the handler ends: that is still at work, and keeps its place. */
  #counted(run: () => unknown): Promise<unknown> {
    this.#work++;
    const ended = (): void => this.#workEnded();
    try {
      const outcome = Promise.resolve(run());
      outcome.then(ended, ended);
      return outcome;
    } catch (error) {
      ended();
      throw error;
    }
  }

  #workEnded(): void {
    if (--this.#work === 0) this.leaveGate();
  }
}
