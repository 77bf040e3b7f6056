import { isTimeout, MeshError, type InterceptedCall, type ServedCall, type TraceContext } from '@lemur-bookstores/mesh-interface';

type Next = (call: InterceptedCall) => Promise<unknown>;

/** What the calls that a handler makes take over from the call it handles. */
export class InheritedCall implements ServedCall {
  readonly method: string;
  readonly dueAt: number;
  readonly signal: AbortSignal;
  readonly trace?: TraceContext;
  /** The nested calls under way. One listener for all of them: an EventTarget warns from the eleventh on. */
  readonly #nested = new Set<AbortController>();

  constructor({ method, dueAt, signal, trace }: ServedCall) {
    this.method = method;
    this.dueAt = dueAt;
    this.signal = signal;
    if (trace !== undefined) this.trace = trace;
  }

  /** Makes a nested call: never later than the call it is made for, ended with it, with its trace. */
  run(nested: InterceptedCall, next: Next, now: number): Promise<unknown> {
    const { signal, dueAt: deadline, trace } = this;
    if (signal.aborted) return Promise.reject(this.#over(signal.reason));
    if (deadline <= now) return Promise.reject(new MeshError('deadline_exceeded', `the time of '${this.method}', for which '${nested.method}' is called, was up`, { mayHaveRun: false }));
    const controller = new AbortController();
    const follow = (): void => controller.abort(nested.signal.reason);
    if (nested.signal.aborted) follow();
    else nested.signal.addEventListener('abort', follow, { once: true });
    if (this.#nested.size === 0) signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#nested.add(controller);
    const release = (): void => {
      nested.signal.removeEventListener('abort', follow);
      this.#nested.delete(controller);
      if (this.#nested.size === 0) signal.removeEventListener('abort', this.#onAbort);
    };
    const inheritedTrace = nested.trace ?? trace;
    const call = { ...nested, deadline: Math.min(nested.deadline, deadline), signal: controller.signal, ...(inheritedTrace === undefined ? {} : { trace: inheritedTrace }) };
    let outcome: Promise<unknown>;
    try {
      outcome = next(call);
    } catch (error) {
      release();
      throw error;
    }
    return outcome.then(
      (value) => {
        release();
        return value;
      },
      (error: unknown) => {
        release();
        throw error;
      },
    );
  }

  readonly #onAbort = (): void => {
    const nested = [...this.#nested];
    this.#nested.clear();
    for (const controller of nested) controller.abort(this.signal.reason);
  };

  #over(reason: unknown): MeshError {
    return new MeshError(isTimeout(reason) ? 'deadline_exceeded' : 'cancelled', `'${this.method}', for which it is called, has ended`, { cause: reason, mayHaveRun: false });
  }
}
