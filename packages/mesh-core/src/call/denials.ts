import { MAX_TOLD_APART, Repetitions, type Clock, type MeshError, type OwnAuditSink, type PeerIdentity, type TraceContext } from '@lemur-bookstores/mesh-interface';

/** A peer that is denied once is often denied with every call: after the first time, it is counted and said once in this time, in ms. */
const WINDOW_MS = 1_000;

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

/** Counts whom a call was denied, and writes it to the audit trail: the first time at once, then as a number each second. */
export class Denials {
  readonly #audit: OwnAuditSink;
  readonly #repetitions: Repetitions<Denial>;
  /** All there were: what the trail says, added up. */
  count = 0;

  constructor(audit: OwnAuditSink, clock: Clock) {
    this.#audit = audit;
    this.#repetitions = new Repetitions({ clock, windowMs: WINDOW_MS, until: 'window', say: (last, count) => this.#say(last, count), sayOthers: (count, mode) => this.#sayOthers(count, mode) });
  }

  note(denial: Denial): void {
    this.count++;
    if (!this.#audit.enabled) return;
    const { mode, peer, method, error } = denial;
    this.#repetitions.note(`${mode} ${peer.id} ${method} ${error.reason}`, denial, mode);
  }

  /** Says what was counted, and forgets it. */
  flush(): void {
    this.#repetitions.flush();
  }

  #sayOthers(messageCount: number, mode: string): void {
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
