import { MeshError, withMayHaveRun, type InterceptedCall } from '@lemur-bookstores/mesh-interface';
import { WheelEntry } from '../session/deadline-wheel.js';
import { abortListeners, type Abortable } from './abort-listeners.js';
import type { CallOptions } from './call-options.js';
import type { CallOutParts } from './call-out-parts.js';
import { runThrough } from './interceptor-chain.js';

/** What the innermost interceptor's `next` does: the call itself. */
export type SendCall = (input: unknown, options: CallOptions, deadline: number) => Promise<unknown>;

/**
 * A call on its way through interceptors. Its deadline and its caller's signal bound the whole of it, whatever an interceptor
 * does: waits, never calls on, or calls on again.
 */
export class InterceptedOut extends WheelEntry implements Abortable {
  readonly #parts: CallOutParts;
  readonly #abort = new AbortController();
  readonly #callersSignal: AbortSignal | undefined;
  /** Of the call that it is made for. */
  readonly #served: AbortSignal | undefined;
  #reject: (error: MeshError) => void = () => {};
  /** Calls inside that have not ended: nobody but they know whether a handler may have run. */
  #underWay = 0;
  /** One that has ended may have run. */
  #ran = false;

  constructor(parts: CallOutParts, callersSignal: AbortSignal | undefined, served: AbortSignal | undefined) {
    super();
    this.#parts = parts;
    this.#callersSignal = callersSignal;
    this.#served = served;
  }

  /** Runs the chain. Rejects with MeshErrors only. */
  run(service: string, method: string, input: unknown, options: CallOptions | undefined, deadline: number, send: SendCall): Promise<unknown> {
    const { wheel, interceptors } = this.#parts;
    const call: InterceptedCall = {
      direction: 'outbound',
      service,
      method,
      input,
      metadata: options?.metadata ?? {},
      deadline,
      signal: this.#abort.signal,
      ...(options?.trace === undefined ? {} : { trace: options.trace }),
      ...(options?.idempotent === undefined ? {} : { idempotent: options.idempotent }),
      ...(options?.retry === undefined ? {} : { retry: options.retry }),
    };
    const terminal = ({ input: last, metadata, signal, trace, deadline: due, idempotent = false, retry }: InterceptedCall): Promise<unknown> => {
      const isEmpty = Object.keys(metadata).length === 0;
      return this.#watched(send(last, { ...(isEmpty ? {} : { metadata }), signal, idempotent, ...(trace === undefined ? {} : { trace }), ...(retry === false ? { retry } : {}) }, Math.min(due, deadline)));
    };
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.#callersSignal?.aborted === true) return this.onAbort(this.#callersSignal.reason);
      wheel.add(this, deadline);
      if (this.#callersSignal !== undefined) abortListeners.add(this.#callersSignal, this);
      if (this.#served !== undefined) abortListeners.add(this.#served, this);
      const finish = (settle: () => void): void => {
        this.#release();
        settle();
      };
      Promise.resolve()
        .then(() => runThrough(interceptors, call, terminal))
        .then(
          (value) => finish(() => resolve(value)),
          (error: unknown) => finish(() => reject(withMayHaveRun(error, this.#mayHaveRun))),
        );
    });
  }

  onDeadline(): void {
    this.#end((mayHaveRun) => new MeshError('deadline_exceeded', 'no answer within the time of the call, its interceptors included', { mayHaveRun }));
  }

  onAbort(reason: unknown): void {
    this.#end((mayHaveRun) => new MeshError('cancelled', 'the call was cancelled', { cause: reason, mayHaveRun }));
  }

  get #mayHaveRun(): boolean {
    return this.#ran || this.#underWay > 0;
  }

  #watched(inside: Promise<unknown>): Promise<unknown> {
    this.#underWay++;
    const ended = (mayHaveRun: boolean): void => {
      this.#underWay--;
      this.#ran ||= mayHaveRun;
    };
    inside.then(
      () => ended(true),
      (error: unknown) => ended(MeshError.from(error).mayHaveRun !== false),
    );
    return inside;
  }

  #end(errorOf: (mayHaveRun: boolean) => MeshError): void {
    this.#release();
    // First: a call inside then ends by its signal, and an interceptor that still waits can stop.
    this.#abort.abort(errorOf(this.#mayHaveRun));
    // By then the calls inside have said whether they may have run.
    queueMicrotask(() => this.#reject(errorOf(this.#mayHaveRun)));
  }

  #release(): void {
    this.#parts.wheel.remove(this);
    if (this.#callersSignal !== undefined) abortListeners.remove(this.#callersSignal, this);
    if (this.#served !== undefined) abortListeners.remove(this.#served, this);
  }
}
