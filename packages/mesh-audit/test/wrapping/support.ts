import type { AuditEventDetails, AuditEventType, ManagedAdapter, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { RecordingAdapter } from '../support.js';

/** An event with an id and a sequence number of its own. */
export function eventOf(sequence: number, eventType: AuditEventType = 'message', details: Partial<AuditEventDetails> = {}, more: Partial<MeshAuditEvent> = {}): MeshAuditEvent {
  return Object.freeze({
    id: `01890a5d-ac96-774b-8cce-${sequence.toString(16).padStart(12, '0')}`,
    sequence,
    timestamp: new Date(Date.UTC(2026, 0, 1)),
    eventType,
    serviceId: 'order-service',
    details: { action: eventType === 'message' ? 'message.sent' : 'auth.failed', success: eventType === 'message', ...details },
    ...more,
  });
}

/** Takes batches too, all or nothing: as its answer to the first event goes. */
export class BatchingAdapter extends RecordingAdapter {
  batches = 0;

  async logEvents(events: readonly MeshAuditEvent[]): Promise<void> {
    this.batches++;
    await this.answer(events[0]!);
    this.events.push(...events);
  }
}

/** The optional members, each noted when it is called. */
export class FullAdapter extends BatchingAdapter implements ManagedAdapter {
  readonly durable = true;
  readonly calls: string[] = [];
  private note(name: string): Promise<void> {
    this.calls.push(name);
    return Promise.resolve();
  }
  readonly start = (): Promise<void> => this.note('start');
  readonly flush = (): Promise<void> => this.note('flush');
  readonly close = (): Promise<void> => this.note('close');
  readonly logMetrics = (): Promise<void> => this.note('logMetrics');
}

/** What an adapter got, but for what it was told of events that it did not get. */
export const real = (adapter: RecordingAdapter): MeshAuditEvent[] => adapter.events.filter(({ details }) => details.action !== 'audit.sampled');
export const statements = (adapter: RecordingAdapter): MeshAuditEvent[] => adapter.events.filter(({ details }) => details.action === 'audit.sampled');
export const statedBy = (events: readonly MeshAuditEvent[]): number => events.reduce((sum, { details }) => sum + (details.metadata?.['count'] as number), 0);
