import { AsyncLocalStorage } from 'node:async_hooks';
import { OptionCheck, refuseProblems, systemClock, type CallScopes, type Clock, type Interceptor, type ServedCall } from '@lemur-bookstores/mesh-interface';
import { InheritedCall } from './inherited-call.js';

/** Options of {@link DeadlinePropagation}. */
export interface DeadlinePropagationOptions {
  readonly clock?: Clock | undefined;
}

const NAMES = ['clock'] as const satisfies readonly (keyof DeadlinePropagationOptions)[];

/** What is wrong with the options, each problem by its path. */
export function deadlineProblems(options: unknown = {}, path = 'deadline'): string[] {
  const check = new OptionCheck(path);
  if (check.isObject(options, NAMES)) check.parts(options);
  return check.problems;
}

/**
 * Calls that a handler makes while it handles a call: their deadline is never later than that call's, they end with it, and they carry
 * its trace. Found by AsyncLocalStorage: nothing has to be passed on by hand.
 */
export class DeadlinePropagation implements CallScopes {
  readonly #clock: Clock;
  readonly #storage = new AsyncLocalStorage<ServedCall>();

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(options: DeadlinePropagationOptions = {}) {
    refuseProblems(deadlineProblems(options));
    this.#clock = options.clock ?? systemClock;
  }

  /** Runs the handler inside; calls out pass. */
  readonly inbound: Interceptor = (call, next) => (call.direction === 'inbound' ? this.#storage.run(new InheritedCall({ ...call, dueAt: call.deadline }), next, call) : next(call));

  /** Lets a call take over what the one around it has; calls in, and calls made by no handler, pass. */
  readonly outbound: Interceptor = (call, next) => {
    const served = call.direction === 'outbound' ? this.#storage.getStore() : undefined;
    if (served === undefined) return next(call);
    const inherited = served instanceof InheritedCall ? served : new InheritedCall(served);
    return inherited.run(call, next, this.#clock.monotonic());
  };

  /** Both. */
  readonly interceptor: Interceptor = (call, next) => (call.direction === 'inbound' ? this.inbound(call, next) : this.outbound(call, next));

  /** For a mesh node, which has no need of the interceptors then. */
  run<Arguments extends unknown[], Result>(call: ServedCall, work: (...args: Arguments) => Result, ...args: Arguments): Result {
    return this.#storage.run(call, work, ...args);
  }

  current(): ServedCall | undefined {
    return this.#storage.getStore();
  }

  /** Runs what is to outlive the call that is handled: nothing inside inherits from it. */
  detach<Result>(work: () => Result): Result {
    return this.#storage.exit(work);
  }
}
