import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

let last = 0;
/** Another run, another index or not: ids never meet. */
const run = Math.floor(Math.random() * 0xffff).toString(16).padStart(4, '0');

/** An event of a mesh, with some of it as given. */
export function eventOf(details: Partial<MeshAuditEvent['details']> = {}, more: Partial<MeshAuditEvent> = {}): MeshAuditEvent {
  const sequence = ++last;
  return {
    id: `019aa9c2-1f7e-7c3a-${run}-${sequence.toString(16).padStart(12, '0')}`,
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

/** Never aborted. */
export const open: { readonly signal: AbortSignal } = { signal: new AbortController().signal };

/** What a promise rejects with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('should have been rejected');
    },
    (error: unknown) => error,
  );
}

export async function allOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}
