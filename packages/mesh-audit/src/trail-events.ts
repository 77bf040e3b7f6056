import type { AuditLaneStats, OwnAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { AuditSettings } from './audit-options.js';
import type { Lane } from './lane.js';

/** The trail begins: who gets it, and what it is promised (PCI DSS 10.2.1.6 asks for begin and end). */
export function auditStart({ contracts, level }: AuditSettings, lanes: readonly Lane[]): OwnAuditEvent {
  return {
    eventType: 'system',
    details: {
      action: 'audit.start',
      success: true,
      metadata: {
        adapters: lanes.map(({ name, durable }) => ({ adapter: name, durable })),
        delivery: { ...contracts },
        level,
        spill: lanes.some(({ spills }) => spills),
      },
    },
  };
}

/** The trail ends: what became of its events so far, this one not counted. */
export function auditStop(lanes: readonly AuditLaneStats[]): OwnAuditEvent {
  return { eventType: 'system', details: { action: 'audit.stop', success: true, metadata: { adapters: lanes.map(totals) } } };
}

function totals({ adapter, emitted, recovered, filtered, delivered, queued, spilled, deadLettered, dropped, lostGaps }: AuditLaneStats): object {
  return { adapter, emitted, recovered, filtered, delivered, queued, spilled, deadLettered, dropped, lostGaps };
}
