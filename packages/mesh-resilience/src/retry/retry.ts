import { MeshError, withMayHaveRun, type Clock, type InterceptedCall, type Interceptor } from '@lemur-bookstores/mesh-interface';
import { BudgetedRetryPolicy, type RetryCounts } from './budgeted-retry-policy.js';
import { completeRetry, type RetryOptions } from './retry-options.js';

type Next = (call: InterceptedCall) => Promise<unknown>;

/** Tries again what provably has not run, or may run twice. */
export class Retry {
  /** What decides, without the waiting: for who makes calls without promises. */
  readonly policy: BudgetedRetryPolicy;
  readonly #clock: Clock;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(options: RetryOptions = {}) {
    const settings = completeRetry(options);
    this.#clock = settings.clock;
    this.policy = new BudgetedRetryPolicy(settings);
  }

  /** How often it was decided what. */
  get counts(): RetryCounts {
    return this.policy.counts;
  }

  /** For calls out; those that come in pass. */
  readonly interceptor: Interceptor = (call, next) => {
    if (call.direction !== 'outbound' || call.retry === false) return next(call);
    this.policy.began(call.service);
    try {
      return next(call).then(undefined, (error: unknown) => this.#again(call, next, error));
    } catch (error) {
      return this.#again(call, next, error);
    }
  };

  /** Goes on after the first attempt has failed. */
  async #again(call: InterceptedCall, next: Next, first: unknown): Promise<unknown> {
    let failure = first;
    let mayHaveRun = false;
    for (let attempt = 1; ; attempt++) {
      // What is no MeshError says nothing about itself: it is the caller's, as it was thrown.
      if (!MeshError.is(failure)) throw failure;
      const remainingMs = call.deadline - this.#clock.monotonic();
      const failed = { attempt, idempotent: call.idempotent === true, remainingMs, lost: failure.reason === 'connection_lost' };
      const decision = call.signal.aborted ? undefined : this.policy.next(call.service, failure, failed);
      if (decision?.retry !== true) throw mayHaveRun ? withMayHaveRun(failure, true) : failure;
      mayHaveRun ||= failure.mayHaveRun !== false;
      if (decision.delayMs > 0) await this.#wait(decision.delayMs, call.signal, mayHaveRun);
      try {
        return await next(call);
      } catch (error) {
        failure = error;
      }
    }
  }

  #wait(delayMs: number, signal: AbortSignal, mayHaveRun: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      }, delayMs);
      const onAbort = (): void => {
        timer.cancel();
        const reason: unknown = signal.reason;
        const isOurs = MeshError.is(reason) && reason.code === 'DEADLINE_EXCEEDED';
        reject(new MeshError(isOurs ? 'deadline_exceeded' : 'cancelled', isOurs ? reason.text : 'the call was cancelled while it waited to be tried again', { cause: reason, mayHaveRun }));
      };
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
