import type { Clock, OwnAuditEvent, OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import { hold, isFailClosed } from './session/audit-hold.js';

/** How long a start waits for a durable sink to take a `fail-closed` `system.start`, in ms: a sink that hangs must not keep it for ever. */
const START_HOLD_MS = 30_000;

/** What `system.start` says of a node. */
export interface StartFacts {
  readonly port: number;
  readonly peerId: string;
}

/** Writes to the audit trail that a node started, and that it stopped. */
export class SystemJournal {
  readonly #audit: OwnAuditSink;
  readonly #clock: Clock;
  readonly #failClosed: boolean;
  #said = false;

  constructor(audit: OwnAuditSink, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
    this.#failClosed = isFailClosed(audit, 'system');
  }

  /** Whether peers may come in: where `system` events are `fail-closed`, only once the start is held. */
  get letsIn(): boolean {
    return this.#said || !this.#failClosed;
  }

  /**
   * It listens; nobody can find it yet.
   * @throws MeshError `audit_unavailable` where `system` events are `fail-closed` and no durable sink takes this one
   */
  async listening(facts: StartFacts): Promise<void> {
    if (!this.#failClosed) return;
    await hold(this.#audit, startOf(facts), this.#clock, START_HOLD_MS);
    this.#said = true;
  }

  /** The start is through. */
  started(facts: StartFacts): void {
    if (!this.#said) this.#audit.record(startOf(facts));
    this.#said = true;
  }

  /** It stopped, or its start was undone: said only where the start was. */
  stopped(): void {
    if (this.#said) this.#audit.record({ eventType: 'system', details: { action: 'system.stop', success: true } });
    this.#said = false;
  }
}

const startOf = ({ port, peerId }: StartFacts): OwnAuditEvent => ({ eventType: 'system', details: { action: 'system.start', success: true, metadata: { port, peerId } } });
