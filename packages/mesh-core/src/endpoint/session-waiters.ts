import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { OutboundSession } from '../session/outbound-session.js';
import type { SessionWaiter } from './session-waiter.js';

const MAX_WAITING = 10_000;

/** The calls that wait for a session of one service: each hears once, unless it leaves before. */
export class SessionWaiters {
  readonly #serviceId: string;
  /** In the order in which they came. */
  readonly #waiting = new Set<SessionWaiter>();

  constructor(serviceId: string) {
    this.#serviceId = serviceId;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @returns whether it waits: where too many do, it is told so */
  add(waiter: SessionWaiter): boolean {
    if (this.#waiting.size < MAX_WAITING) {
      this.#waiting.add(waiter);
      return true;
    }
    waiter.onNoSession(new MeshError('too_many_calls', `${MAX_WAITING} calls wait for ${this.#serviceId} already`, { mayHaveRun: false }));
    return false;
  }

  leave(waiter: SessionWaiter): void {
    this.#waiting.delete(waiter);
  }

  /** Gives each a session, as long as there is one. */
  serve(pick: () => OutboundSession | undefined): void {
    for (const waiter of [...this.#waiting]) {
      // What became of another one may have ended it.
      if (!this.#waiting.has(waiter)) continue;
      const session = pick();
      if (session === undefined) return;
      this.#waiting.delete(waiter);
      waiter.onSession(session);
    }
  }

  /** There is none for any of them. */
  fail(error: MeshError): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const waiter of waiting) waiter.onNoSession(error);
  }
}
