import type { AuditEventDetails, AuditEventType, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

/** An audit event, flat, under the names that log stores search by. */
export interface StructuredRecord extends AuditEventDetails {
  readonly '@timestamp': Date;
  readonly level: 'ERROR' | 'INFO';
  readonly service: string;
  readonly event_type: AuditEventType;
  /** The event's id: what a store tells duplicates by. */
  readonly event_id: string;
  readonly sequence: number;
  readonly target_service?: string;
  readonly trace_id?: string;
  readonly span_id?: string;
}

/** The form that the guide's best practice shows, with the fields by which duplicates, gaps and calls are found. */
export function structuredRecord(event: MeshAuditEvent): StructuredRecord {
  const { id, sequence, timestamp, eventType, serviceId, targetServiceId, details, trace } = event;
  return {
    '@timestamp': timestamp,
    level: eventType === 'error' ? 'ERROR' : 'INFO',
    service: serviceId,
    event_type: eventType,
    ...details,
    event_id: id,
    sequence,
    ...(targetServiceId === undefined ? {} : { target_service: targetServiceId }),
    ...(trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId }),
  };
}
