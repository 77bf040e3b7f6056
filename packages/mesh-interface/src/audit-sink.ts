import type { OwnAuditEvent } from './audit-actions.js';
import type { AuditEventInput, AuditEventType, MeshAuditEvent } from './audit-event.js';
import { DEFAULT_DELIVERY, type DeliveryContract } from './delivery-contract.js';

/** What the parts of the mesh emit audit events into. */
export interface AuditSink {
  /** Whether anybody listens. A caller on a hot path asks before it builds an event. */
  readonly enabled: boolean;
  /**
   * What is promised of events of a type. Where it is `fail-closed`, the part awaits {@link AuditSink.log} before what the event tells of takes
   * effect, and refuses where that rejects.
   */
  contractOf(eventType: AuditEventType): DeliveryContract;
  /** Stamps the event and hands it to the adapters' lanes. Synchronous, never throws, never waits. */
  record(event: AuditEventInput): MeshAuditEvent | undefined;
  /** The awaitable form: resolves when the event is held as its contract says, rejects when it will not be. */
  log(event: AuditEventInput): Promise<void>;
}

/** An {@link AuditSink} as our own parts hold it: what they emit is in the table of actions, or does not compile. Costs nothing when it runs. */
export interface OwnAuditSink extends Omit<AuditSink, 'record' | 'log'> {
  record(event: OwnAuditEvent): MeshAuditEvent | undefined;
  log(event: OwnAuditEvent): Promise<void>;
}

/** Drops everything: for parts used alone. */
export const nullAuditSink: AuditSink = {
  enabled: false,
  contractOf: (eventType) => DEFAULT_DELIVERY[eventType],
  record: () => undefined,
  log: () => Promise.resolve(),
};
