import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

let last = 0;

/** An event of a mesh, with some of it as given. */
export function eventOf(details: Partial<MeshAuditEvent['details']> = {}, more: Partial<MeshAuditEvent> = {}): MeshAuditEvent {
  const sequence = ++last;
  return {
    id: `019aa9c2-1f7e-7c3a-8f55-${sequence.toString(16).padStart(12, '0')}`,
    sequence,
    timestamp: new Date(),
    eventType: 'message',
    serviceId: 'orders',
    targetServiceId: 'payments',
    ...more,
    details: { action: 'message.sent', success: true, duration: 1.84, metadata: { direction: 'outbound', method: 'charge' }, ...details },
  };
}

export const eventsOf = (count: number, details: Partial<MeshAuditEvent['details']> = {}): MeshAuditEvent[] => Array.from({ length: count }, () => eventOf(details));
