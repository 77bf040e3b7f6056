import { Repetitions, type Clock, type MeshError, type OwnAuditSink } from '@lemur-bookstores/mesh-interface';
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

/** Writes to the audit trail what operators asked for, and who was refused. */
export class AdminJournal {
  readonly #audit: OwnAuditSink;
  /** By reason and status: a handful, so that there are never others. */
  readonly #repetitions: Repetitions<AdminRefusal>;

  constructor(audit: OwnAuditSink, clock: Clock) {
    this.#audit = audit;
    this.#repetitions = new Repetitions({ clock, windowMs: WINDOW_MS, until: 'window', say: (last, count) => this.#say(last, count), sayOthers: () => undefined });
  }

  refused(refusal: AdminRefusal): void {
    this.#repetitions.note(`${refusal.status} ${refusal.error.reason}`, refusal);
  }

  /** @throws MeshError `audit_unavailable` where `system` events are fail-closed and no durable sink takes this one */
  async rotationAsked(address: string, by: OperatorProof, trigger: AdminRotationReason): Promise<void> {
    const event = { eventType: 'system', details: { action: 'system.rotation_asked', success: true, metadata: { address, by, trigger } } } as const;
    if (this.#audit.enabled && this.#audit.contractOf('system') === 'fail-closed') await this.#audit.log(event);
    else this.#audit.record(event);
  }

  /** Says what was counted, and forgets it. */
  flush(): void {
    this.#repetitions.flush();
  }

  #say({ error, status, address, method, route }: AdminRefusal, messageCount: number): void {
    this.#audit.record({
      eventType: 'system',
      details: { action: 'system.admin_refused', success: false, messageCount, error: error.message, metadata: { address, method, route, status, reason: error.reason } },
    });
  }
}
