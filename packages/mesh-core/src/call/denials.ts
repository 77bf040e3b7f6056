import type { Clock, ClockTimer, MeshError, OwnAuditSink, PeerIdentity, TraceContext } from '@lemur-bookstores/mesh-interface';

/** A peer that is denied once is often denied with every call: after the first time, it is counted and said once in this time, in ms. */
const WINDOW_MS = 1_000;
/** Combinations of peer, method and reason told apart in a window; the rest is one number. */
const MAX_TOLD_APART = 1_000;

/** A call that was refused to the peer: by `authorize`, an interceptor or the handler. */
export interface Denial {
  readonly peer: PeerIdentity;
  readonly address: string;
  /** A registered one, or `_OTHER`. */
  readonly method: string;
  readonly error: MeshError;
  readonly trace: TraceContext | undefined;
  /** `audit`: it was let through nevertheless. */
  readonly mode: 'enforce' | 'audit';
}

interface Repeated {
  count: number;
  last: Denial;
}

/** Counts whom a call was denied, and writes it to the audit trail: the first time at once, then as a number each second. */
export class Denials {
  readonly #audit: OwnAuditSink;
  readonly #clock: Clock;
  readonly #repeated = new Map<string, Repeated>();
  /** Those that are told apart no more. */
  readonly #others = { enforce: 0, audit: 0 };
  /** All there were: what the trail says, added up. */
  count = 0;
  #timer: ClockTimer | undefined;

  constructor(audit: OwnAuditSink, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
  }

  note(denial: Denial): void {
    this.count++;
    if (!this.#audit.enabled) return;
    const key = `${denial.mode} ${denial.peer.id} ${denial.method} ${denial.error.reason}`;
    const known = this.#repeated.get(key);
    if (known !== undefined) {
      known.count++;
      known.last = denial;
      return;
    }
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), WINDOW_MS);
    if (this.#repeated.size >= MAX_TOLD_APART) {
      this.#others[denial.mode]++;
      return;
    }
    this.#repeated.set(key, { count: 0, last: denial });
    this.#say(denial, 1);
  }

  /** Says what was counted, and forgets it. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const all = [...this.#repeated.values()];
    this.#repeated.clear();
    for (const { count, last } of all) if (count > 0) this.#say(last, count);
    for (const mode of ['enforce', 'audit'] as const) this.#sayOthers(mode);
  }

  #sayOthers(mode: 'enforce' | 'audit'): void {
    const messageCount = this.#others[mode];
    this.#others[mode] = 0;
    if (messageCount === 0) return;
    this.#audit.record({
      eventType: 'connection',
      details: { action: 'auth.denied', success: false, messageCount, error: `permission_denied: of more than ${MAX_TOLD_APART} peers, methods and reasons in ${WINDOW_MS} ms`, metadata: { direction: 'inbound', mode } },
    });
  }

  #say({ peer, address, method, error, trace, mode }: Denial, messageCount: number): void {
    this.#audit.record({
      eventType: 'connection',
      targetServiceId: peer.serviceId,
      details: { action: 'auth.denied', success: false, messageCount, error: error.message, metadata: { direction: 'inbound', address, peerId: peer.id, method, reason: error.reason, mode } },
      // Of many calls a trace would tell one.
      ...(trace === undefined || messageCount > 1 ? {} : { trace }),
    });
  }
}
