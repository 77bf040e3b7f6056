import type { Clock, ClockTimer, FailedAttempt, MeshError, RetryPolicy } from '@lemur-bookstores/mesh-interface';

/** Calls that wait at the same time; what fails beyond that is not tried again: memory is bounded. */
const MAX_WAITING = 10_000;

/** A call that may be tried again. */
export interface RetriedCall {
  /** The wait is over. */
  onRetry(): void;
  /** There will be no further attempt. @param error of the last one */
  onNoRetry(error: MeshError): void;
}

interface Wait {
  readonly timer: ClockTimer;
  readonly error: MeshError;
}

/** The calls of a node that wait to be tried again, as its policy says. */
export class Retries {
  readonly #policy: RetryPolicy;
  readonly #clock: Clock;
  readonly #waiting = new Map<RetriedCall, Wait>();
  #stopped = false;
  /** Attempts after a call's first one. */
  retried = 0;

  constructor(policy: RetryPolicy, clock: Clock) {
    this.#policy = policy;
    this.#clock = clock;
  }

  /** A call's first attempt. */
  began(serviceId: string, now: number): void {
    this.#policy.began(serviceId, now);
  }

  /** @returns whether it is tried again: then it hears of it once, unless it leaves before by {@link leave} */
  again(call: RetriedCall, serviceId: string, error: MeshError, failed: FailedAttempt): boolean {
    // First: what the policy grants is taken from a budget.
    if (this.#stopped || this.#waiting.size >= MAX_WAITING) return false;
    const decision = this.#policy.next(serviceId, error, failed);
    if (!decision.retry) return false;
    const timer = this.#clock.setTimeout(() => {
      this.#waiting.delete(call);
      this.retried++;
      call.onRetry();
    }, decision.delayMs);
    this.#waiting.set(call, { timer, error });
    return true;
  }

  /** The call has ended. */
  leave(call: RetriedCall): void {
    this.#waiting.get(call)?.timer.cancel();
    this.#waiting.delete(call);
  }

  /** Nothing is tried again any more; what waits for it learns so at once. */
  stop(): void {
    this.#stopped = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [call, { timer, error }] of waiting) {
      timer.cancel();
      call.onNoRetry(error);
    }
  }
}
