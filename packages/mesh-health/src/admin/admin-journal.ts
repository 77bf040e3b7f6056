import { type Clock, type ClockTimer, type MeshError, type OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import type { OperatorProof } from './admin-access.js';
import type { AdminRotationReason } from './admin-source.js';

/** What is refused once is often refused again: after the first time it is counted, and said once in this time, in ms. */
const WINDOW_MS = 10_000;

/** A request that was refused. */
export interface AdminRefusal {
  readonly error: MeshError;
  readonly status: number;
  /** Of the other end. */
  readonly address: string;
  /** `_OTHER` for what is not known. */
  readonly method: string;
  readonly route: string;
}

interface Repeated {
  count: number;
  last: AdminRefusal;
}

/** Writes to the audit trail what operators asked for, and who was refused. */
export class AdminJournal {
  readonly #audit: OwnAuditSink;
  readonly #clock: Clock;
  /** By reason and status: a handful. */
  readonly #repeated = new Map<string, Repeated>();
  #timer: ClockTimer | undefined;

  constructor(audit: OwnAuditSink, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
  }

  refused(refusal: AdminRefusal): void {
    const key = `${refusal.status} ${refusal.error.reason}`;
    const known = this.#repeated.get(key);
    if (known !== undefined) {
      known.count++;
      known.last = refusal;
      return;
    }
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), WINDOW_MS);
    this.#repeated.set(key, { count: 0, last: refusal });
    this.#say(refusal, 1);
  }

  /** @throws MeshError `audit_unavailable` where `system` events are fail-closed and no durable sink takes this one */
  async rotationAsked(address: string, by: OperatorProof, trigger: AdminRotationReason): Promise<void> {
    const event = { eventType: 'system', details: { action: 'system.rotation_asked', success: true, metadata: { address, by, trigger } } } as const;
    if (this.#audit.enabled && this.#audit.contractOf('system') === 'fail-closed') await this.#audit.log(event);
    else this.#audit.record(event);
  }

  /** Says what was counted, and forgets it. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const all = [...this.#repeated.values()];
    this.#repeated.clear();
    for (const { count, last } of all) if (count > 0) this.#say(last, count);
  }

  #say({ error, status, address, method, route }: AdminRefusal, messageCount: number): void {
    this.#audit.record({
      eventType: 'system',
      details: { action: 'system.admin_refused', success: false, messageCount, error: error.message, metadata: { address, method, route, status, reason: error.reason } },
    });
  }
}
