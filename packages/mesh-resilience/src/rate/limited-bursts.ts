import { MAX_TOLD_APART, Repetitions, type Clock, type OwnAuditSink, type PeerIdentity, type RateLimit } from '@lemur-bookstores/mesh-interface';

/** A call that a rate limiter refused to a peer. */
export interface LimitedCall {
  /** `undefined`: nobody has proved who calls. */
  readonly peer: PeerIdentity | undefined;
  /** One with a limit of its own, or `*`. */
  readonly method: string;
  readonly limit: RateLimit;
}

/**
 * Writes to the audit trail whom a rate limiter refused: the first refusal of a burst at once, then each window one number for those
 * since, until a window passes without any. Sums are exact.
 */
export class LimitedBursts {
  readonly #audit: OwnAuditSink;
  readonly #windowMs: number;
  readonly #repetitions: Repetitions<LimitedCall>;

  constructor(audit: OwnAuditSink, clock: Clock, windowMs: number) {
    this.#audit = audit;
    this.#windowMs = windowMs;
    this.#repetitions = new Repetitions({ clock, windowMs, until: 'burst', say: (last, count) => this.#say(last, count), sayOthers: (count) => this.#sayOthers(count) });
  }

  note(call: LimitedCall): void {
    if (this.#audit.enabled) this.#repetitions.note(`${call.peer?.id ?? ''} ${call.method}`, call);
  }

  /** Says what was counted, and forgets all bursts. */
  flush(): void {
    this.#repetitions.flush();
  }

  #sayOthers(others: number): void {
    const error = `rate_limited: of more than ${MAX_TOLD_APART} peers and methods in ${this.#windowMs} ms`;
    this.#audit.record({ eventType: 'rate_limit', details: { action: 'rate.limited', success: false, messageCount: others, error, metadata: { direction: 'inbound' } } });
  }

  #say({ peer, method, limit: { maxRequests, windowMs } }: LimitedCall, messageCount: number): void {
    this.#audit.record({
      eventType: 'rate_limit',
      ...(peer === undefined ? {} : { targetServiceId: peer.serviceId }),
      details: {
        action: 'rate.limited',
        success: false,
        messageCount,
        error: `rate_limited: more than ${maxRequests} calls in ${windowMs} ms`,
        metadata: { direction: 'inbound', peerId: peer?.id ?? '', method, maxRequests, windowMs },
      },
    });
  }
}
