import type { Clock, ClockTimer, OwnAuditSink, PeerIdentity, RateLimit } from '@lemur-bookstores/mesh-interface';

/** Bursts told apart at once; what comes beyond is one number. */
const MAX_TOLD_APART = 1_000;

/** A call that a rate limiter refused to a peer. */
export interface LimitedCall {
  /** `undefined`: nobody has proved who calls. */
  readonly peer: PeerIdentity | undefined;
  /** One with a limit of its own, or `*`. */
  readonly method: string;
  readonly limit: RateLimit;
}

interface Burst {
  /** Refusals that were not said yet. */
  count: number;
  last: LimitedCall;
}

/**
 * Writes to the audit trail whom a rate limiter refused: the first refusal of a burst at once, then each window one number for those
 * since, until a window passes without any. Sums are exact.
 */
export class LimitedBursts {
  readonly #audit: OwnAuditSink;
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #bursts = new Map<string, Burst>();
  /** Refusals of those that are told apart no more. */
  #others = 0;
  #timer: ClockTimer | undefined;

  constructor(audit: OwnAuditSink, clock: Clock, windowMs: number) {
    this.#audit = audit;
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  note(call: LimitedCall): void {
    if (!this.#audit.enabled) return;
    const key = `${call.peer?.id ?? ''} ${call.method}`;
    const burst = this.#bursts.get(key);
    if (burst !== undefined) {
      burst.count++;
      burst.last = call;
      return;
    }
    this.#timer ??= this.#clock.setTimeout(() => this.#turn(), this.#windowMs);
    if (this.#bursts.size >= MAX_TOLD_APART) {
      this.#others++;
      return;
    }
    this.#bursts.set(key, { count: 0, last: call });
    this.#say(call, 1);
  }

  /** Says what was counted, and forgets all bursts. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const bursts = [...this.#bursts.values()];
    this.#bursts.clear();
    for (const { count, last } of bursts) if (count > 0) this.#say(last, count);
    this.#sayOthers();
  }

  /** The end of a window. */
  #turn(): void {
    this.#timer = undefined;
    for (const [key, burst] of this.#bursts) {
      const { count, last } = burst;
      burst.count = 0;
      if (count === 0) this.#bursts.delete(key);
      else this.#say(last, count);
    }
    this.#sayOthers();
    if (this.#bursts.size > 0) this.#timer = this.#clock.setTimeout(() => this.#turn(), this.#windowMs);
  }

  #sayOthers(): void {
    const others = this.#others;
    if (others === 0) return;
    this.#others = 0;
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
