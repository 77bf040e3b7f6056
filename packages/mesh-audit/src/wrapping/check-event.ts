import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** The audit logger makes events that are whole; an adapter can be used alone. @throws MeshError `adapter_failed`, permanent */
export function checkEvent(event: MeshAuditEvent): void {
  const given: unknown = event;
  const details: unknown = typeof given === 'object' && given !== null ? (given as Partial<MeshAuditEvent>).details : undefined;
  if (typeof details !== 'object' || details === null) throw new MeshError('adapter_failed', 'not an audit event', { retryable: false });
}
