import { AUDIT_EVENT_TYPES, MeshError, type AuditEventType, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

type Json = Readonly<Record<string, unknown>>;

/**
 * The event that a document was made of (`ecsDocument`), as it was. Pure.
 * @param where the document is, for the error
 * @throws MeshError `adapter_failed` that names the document, and what is wrong with it
 */
export function eventOfDocument(source: unknown, where: string): MeshAuditEvent {
  const wrong = (what: string): MeshError => new MeshError('adapter_failed', `the document ${where} is no audit event of ours: ${what}`, { code: 'DATA_LOSS', retryable: false });
  const part = (of: Json, name: string): Json => {
    const value = of[name];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`it has no ${name}`);
    return value as Json;
  };
  const text = (value: unknown, name: string): string => {
    if (typeof value !== 'string') throw wrong(`${name} is no text`);
    return value;
  };
  const number = (value: unknown, name: string): number => {
    if (typeof value !== 'number') throw wrong(`${name} is no number`);
    return value;
  };
  const document = part({ source }, 'source');
  const event = part(document, 'event');
  const mesh = part(document, 'mesh');
  const timestamp = new Date(document['@timestamp'] as string | number);
  if (Number.isNaN(timestamp.getTime())) throw wrong('@timestamp is no date');
  const eventType = mesh['event_type'] as AuditEventType;
  if (!AUDIT_EVENT_TYPES.includes(eventType)) throw wrong('mesh.event_type is none that there is');
  const { success, target_service_id: target, duration_ms: duration, message_count: messageCount, metadata, metadata_json: metadataJson } = mesh;
  if (typeof success !== 'boolean') throw wrong('mesh.success is neither true nor false');
  const error = document['error'] === undefined ? undefined : text(part(document, 'error')['message'], 'error.message');
  const held = metadataJson === undefined ? metadata : parsed(metadataJson, wrong);
  return {
    id: text(event['id'], 'event.id'),
    sequence: number(event['sequence'], 'event.sequence'),
    timestamp,
    eventType,
    serviceId: text(part(document, 'service')['name'], 'service.name'),
    ...(target === undefined ? {} : { targetServiceId: text(target, 'mesh.target_service_id') }),
    details: {
      action: text(event['action'], 'event.action'),
      success,
      ...(duration === undefined ? {} : { duration: number(duration, 'mesh.duration_ms') }),
      ...(messageCount === undefined ? {} : { messageCount: number(messageCount, 'mesh.message_count') }),
      ...(error === undefined ? {} : { error }),
      ...(held === undefined ? {} : { metadata: held as Json }),
    },
    ...(document['trace'] === undefined ? {} : { trace: { traceId: text(part(document, 'trace')['id'], 'trace.id'), spanId: text(part(document, 'span')['id'], 'span.id') } }),
  };
}

function parsed(json: unknown, wrong: (what: string) => MeshError): unknown {
  try {
    return JSON.parse(String(json)) as unknown;
  } catch {
    throw wrong('mesh.metadata_json is no JSON');
  }
}
