import type { AuditEventInput, MeshAuditEvent } from './audit-event.js';

/** What the parts of the mesh emit audit events into. */
export interface AuditSink {
  /** Whether anybody listens. A caller on a hot path asks before it builds an event. */
  readonly enabled: boolean;
  /** Stamps the event and hands it to the adapters' lanes. Synchronous, never throws, never waits. */
  record(event: AuditEventInput): MeshAuditEvent | undefined;
  /** The awaitable form: resolves when the sinks have the event, rejects when one that must have it does not. */
  log(event: AuditEventInput): Promise<void>;
}

/** Drops everything: for parts used alone. */
export const nullAuditSink: AuditSink = {
  enabled: false,
  record: () => undefined,
  log: () => Promise.resolve(),
};
