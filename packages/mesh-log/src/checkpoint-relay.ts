import type { AuditAction, MeshAuditEvent, OwnAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { SignedCheckpoint } from './checkpoint.js';

const ACTION = 'audit.checkpoint' satisfies AuditAction;

/**
 * Hands each checkpoint to the mesh's other adapters: a checkpoint kept elsewhere is what exposes a log that was rewritten or rolled back (PROTOCOL 7.4).
 * One that covers nothing new but other logs' checkpoints goes nowhere: two logs of one mesh would answer each other for ever.
 */
export class CheckpointRelay {
  /** The first one says where the log stood when it was opened. */
  #hasNews = true;
  #isBehind = false;
  emit: ((event: OwnAuditEvent) => void) | undefined;

  /** Whether the log has events that no checkpoint covers yet. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** The log has these events: the next checkpoint covers them. */
  covers(events: readonly MeshAuditEvent[]): void {
    this.#isBehind = true;
    this.#hasNews ||= events.some(({ details }) => details?.action !== ACTION);
  }

  readonly onCheckpoint = ({ origin, size, root, note }: SignedCheckpoint): void => {
    this.#isBehind = false;
    if (!this.#hasNews || this.emit === undefined) return;
    this.#hasNews = false;
    this.emit({ eventType: 'system', details: { action: ACTION, success: true, metadata: { origin, size, root: root.toString('base64'), note } } });
  };
}
