import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { CHECKPOINT } from './kept-events.js';

/** A busy audit log signs itself once a second and more: more than the ledger has to say otherwise. */
const PERIOD_MS = 60_000;
/** Audit logs of one mesh. Beyond them every checkpoint is written. */
const MAX_LOGS = 64;

interface Head {
  /** When one was written last, monotonic. */
  writtenAt: number;
  /** The newest one, until it is written. */
  newest: MeshAuditEvent | undefined;
}

/** Of the checkpoints of each audit log the ledger has one a minute, and the newest when it is flushed or ends. What comes between is in memory alone: the audit log has it itself. */
export class AuditLogHeads {
  readonly #heads = new Map<string, Head>();

  /** Leaves out what need not be written now. @param now monotonic, in ms */
  thin(events: readonly MeshAuditEvent[], now: number): readonly MeshAuditEvent[] {
    if (!events.some(isCheckpoint)) return events;
    return events.filter((event) => !isCheckpoint(event) || this.#isDue(event, now));
  }

  /** They are in the ledger. */
  written(events: readonly MeshAuditEvent[], now: number): void {
    for (const event of events) {
      const head = isCheckpoint(event) ? this.#headOf(event) : undefined;
      if (head === undefined) continue;
      head.writtenAt = now;
      if (head.newest?.id === event.id) head.newest = undefined;
    }
  }

  /** The newest that are not in the ledger. */
  get unwritten(): readonly MeshAuditEvent[] {
    return [...this.#heads.values()].flatMap(({ newest }) => newest ?? []);
  }

  #isDue(event: MeshAuditEvent, now: number): boolean {
    const head = this.#headOf(event);
    if (head === undefined) return true;
    head.newest = event;
    return now - head.writtenAt >= PERIOD_MS;
  }

  #headOf({ details }: MeshAuditEvent): Head | undefined {
    const origin = details.metadata?.['origin'];
    if (typeof origin !== 'string') return undefined;
    let head = this.#heads.get(origin);
    if (head === undefined && this.#heads.size < MAX_LOGS) this.#heads.set(origin, (head = { writtenAt: Number.NEGATIVE_INFINITY, newest: undefined }));
    return head;
  }
}

const isCheckpoint = ({ details }: MeshAuditEvent): boolean => details.action === CHECKPOINT;
