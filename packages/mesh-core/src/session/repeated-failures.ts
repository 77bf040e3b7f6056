import type { Clock, ClockTimer, MeshError } from '@lemur-bookstores/mesh-interface';

/** One failure of a connection. */
export interface ConnectionFailure {
  /** Whom it was to reach; `undefined` where a stranger came to us. */
  readonly serviceId: string | undefined;
  readonly address: string;
  readonly error: MeshError;
  readonly durationMs: number | undefined;
}

interface Repeated {
  count: number;
  last: ConnectionFailure;
}

/** What is remembered between two windows; one over it begins a new window. */
const MAX_REMEMBERED = 1_000;

/**
 * Says the first failure of a service and reason at once, and those like it as one number a window. What is news is never held back:
 * an address that fails in another way than the time before.
 */
export class RepeatedFailures {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #say: (failure: ConnectionFailure, count: number) => void;
  readonly #repeated = new Map<string, Repeated>();
  readonly #reasons = new Map<string, string>();
  #timer: ClockTimer | undefined;

  constructor(clock: Clock, windowMs: number, say: (failure: ConnectionFailure, count: number) => void) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#say = say;
  }

  note(failure: ConnectionFailure): void {
    const { serviceId, error } = failure;
    if (this.#repeated.size >= MAX_REMEMBERED || this.#reasons.size >= MAX_REMEMBERED) this.flush();
    const known = this.#repeated.get(keyOf(serviceId, error.reason));
    const before = this.#reasonBefore(failure);
    if (known !== undefined && (before === undefined || before === error.reason)) {
      known.count++;
      known.last = failure;
      return;
    }
    if (known === undefined) this.#repeated.set(keyOf(serviceId, error.reason), { count: 0, last: failure });
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), this.#windowMs);
    this.#say(failure, 1);
  }

  /** The service was reached: what was counted is said now, and its next failure is news. */
  recovered(serviceId: string): void {
    for (const [key, repeated] of this.#repeated) {
      if (repeated.last.serviceId !== serviceId) continue;
      this.#repeated.delete(key);
      if (repeated.count > 0) this.#say(repeated.last, repeated.count);
    }
  }

  /** Says what was counted since the first of each kind, and forgets it. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const all = [...this.#repeated.values()];
    this.#repeated.clear();
    this.#reasons.clear();
    for (const { count, last } of all) if (count > 0) this.#say(last, count);
  }

  /** Strangers come from a new port each time: only where we dialled does an address say anything. */
  #reasonBefore({ serviceId, address, error }: ConnectionFailure): string | undefined {
    if (serviceId === undefined) return undefined;
    const before = this.#reasons.get(keyOf(serviceId, address));
    this.#reasons.set(keyOf(serviceId, address), error.reason);
    return before;
  }
}

const keyOf = (serviceId: string | undefined, what: string): string => `${serviceId ?? ''} ${what}`;
