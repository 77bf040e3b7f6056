import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** What an adapter that takes no events does with one: nothing. @throws MeshError `adapter_failed` for what is no event, and once the adapter is closed */
export function ignoreEvent(name: string, event: MeshAuditEvent, closed: boolean): void {
  if (closed) throw new MeshError('adapter_failed', `the adapter ${name} is closed`, { retryable: false });
  const details = (event as Partial<MeshAuditEvent> | null | undefined)?.details;
  if (typeof details !== 'object' || details === null) throw new MeshError('adapter_failed', `the adapter ${name} was given what is no audit event`, { retryable: false });
}
