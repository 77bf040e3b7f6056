import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/**
 * What the ledger says about itself, beside the events that it keeps: that it began to record, that it is alive though nothing happens, that it ended. What lies between
 * two runs, and a run without such signs, is what it cannot speak for. They look like events, so that whatever reads audit logs reads them, and are in no mesh's trail.
 */
export const LEDGER_ACTIONS = { started: 'ledger.started', alive: 'ledger.alive', stopped: 'ledger.stopped' } as const;

/** One of {@link LEDGER_ACTIONS}. */
export type LedgerAction = (typeof LEDGER_ACTIONS)[keyof typeof LEDGER_ACTIONS];

/** What the names of ledgers begin with, unless they were given. */
export const ORIGIN_PREFIX = 'secure-stack-mesh-compliance';

const ACTIONS: ReadonlySet<unknown> = new Set(Object.values(LEDGER_ACTIONS));

/** Whether an entry is of the ledger itself. */
export const isLedgerAction = (action: unknown): action is LedgerAction => ACTIONS.has(action);

/** With `ledger.started`. */
export type RunStart = {
  readonly standard: string;
  readonly requirement: string;
  /** There is an entry at least this often, in ms, while it runs. */
  readonly heartbeatMs: number;
};

/** @param now ms since 1970 */
export function ledgerEntry(action: LedgerAction, serviceId: string, now: number, metadata?: RunStart): MeshAuditEvent {
  const timestamp = new Date(now);
  return {
    // The log tells entries apart by their place; this is for readers of events.
    id: `${action}@${timestamp.toISOString()}`,
    sequence: 0,
    timestamp,
    eventType: 'system',
    serviceId,
    details: { action, success: true, ...(metadata !== undefined && { metadata }) },
  };
}
