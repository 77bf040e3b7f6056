import { isIP } from 'node:net';
import { types } from 'node:util';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { categoryOf } from './ecs-category.js';

/** Version of the Elastic Common Schema that the documents follow. */
export const ECS_VERSION = '8.17.0';

/** Limits of a `flattened` field, found with the real server: beyond them it refuses the whole document. */
const MAX_DEPTH = 20;
/** A key's path and a value of `ignore_above` characters, at 3 bytes each, are one term of at most 32,766 bytes. */
const MAX_PATH = 2_000;
/** JSON of a date with a sign or more than four digits of a year is not what `strict_date_optional_time` reads. */
const PLAIN_YEARS = { from: Date.parse('0000-01-01'), until: Date.UTC(10_000, 0, 1) };
const REASON = /^([a-z][a-z0-9_]*): /;
const ADDRESS = /^(?:\[([^\]]+)\]|(.+)):(\d{1,5})$/;

type Json = Record<string, unknown>;

/**
 * An audit event as an ECS document, ready for `JSON.stringify`: the fields of ECS for whoever searches, `mesh` for what ECS has no field for. Everything that gives back the
 * event as it was is in it (`eventOfDocument`). Pure.
 */
export function ecsDocument(event: MeshAuditEvent): Json {
  const { details, serviceId, targetServiceId, trace } = event;
  const { action, success, duration, messageCount, error, metadata } = details;
  const { kind, category, type, outcome, level } = categoryOf(event);
  const reason = textIn(metadata, 'reason') ?? (typeof error === 'string' ? REASON.exec(error)?.[1] : undefined);
  const direction = textIn(metadata, 'direction');
  const end = endOf(textIn(metadata, 'address'));
  const isInbound = direction === 'inbound';
  const isOutbound = direction === 'outbound';
  const target = targetServiceId === undefined ? undefined : { name: targetServiceId };
  const document: Json = {
    '@timestamp': timestampOf(event.timestamp),
    ecs: { version: ECS_VERSION },
    message: messageOf(event),
    log: { level },
    event: {
      kind, category, type, action, outcome, id: event.id, sequence: event.sequence, code: reason, reason: error, duration: nanosecondsOf(duration),
      dataset: 'mesh.audit', module: 'mesh', provider: 'secure-stack-mesh',
    },
    service: { name: serviceId, ...(isInbound ? { origin: target } : { target }) },
    mesh: {
      event_type: event.eventType, target_service_id: targetServiceId, success, duration_ms: duration, message_count: messageCount, ...metadataOf(metadata),
    },
  };
  if (error !== undefined) document['error'] = { message: error, code: reason };
  if (trace !== undefined) {
    document['trace'] = { id: trace.traceId };
    document['span'] = { id: trace.spanId };
  }
  if (isInbound || isOutbound) document['network'] = { direction, transport: 'tcp', protocol: 'secure-stack-mesh' };
  if (end !== undefined) {
    if (isInbound) document['source'] = document['client'] = end.fields;
    else if (isOutbound) document['destination'] = document['server'] = end.fields;
    else document['source'] = end.fields;
  }
  const tls = metadata === undefined ? undefined : tlsOf(event, metadata, isInbound ? 'client' : 'server');
  if (tls !== undefined) document['tls'] = tls;
  const related = relatedOf(metadata, end);
  if (related !== undefined) document['related'] = related;
  return document;
}

const timestampOf = (timestamp: Date): string | number => {
  const at = timestamp.getTime();
  return at >= PLAIN_YEARS.from && at < PLAIN_YEARS.until ? timestamp.toISOString() : at;
};

function messageOf({ targetServiceId, details: { action, error } }: MeshAuditEvent): string {
  return `${action}${targetServiceId === undefined ? '' : ` (${targetServiceId})`}${error === undefined ? '' : `: ${error}`}`;
}

/** ECS counts in ns, as a whole number; what is none is left to `mesh.duration_ms`. */
function nanosecondsOf(duration: number | undefined): number | undefined {
  if (duration === undefined) return undefined;
  const nanoseconds = Math.round(duration * 1e6);
  return nanoseconds >= 0 && nanoseconds <= Number.MAX_SAFE_INTEGER ? nanoseconds : undefined;
}

interface End {
  readonly fields: { readonly address: string; readonly ip?: string; readonly port?: number };
  readonly ip?: string;
  readonly host?: string;
}

/** The other end of the socket: `10.1.7.4:50812`, `[::1]:50812`, `payments.internal:50051`. */
function endOf(address: string | undefined): End | undefined {
  if (address === undefined) return undefined;
  const parts = ADDRESS.exec(address);
  const isWhole = parts === null || isIP(parts[1] ?? parts[2] ?? '') === 0 && isIP(address) !== 0;
  const host = isWhole ? address : (parts[1] ?? parts[2] ?? address);
  const port = isWhole ? NaN : Number(parts[3]);
  // A zone (fe80::1%eth0) means something on one machine only, and fields of type ip take none.
  const bare = host.split('%', 1)[0] ?? host;
  const ip = isIP(bare) === 0 ? undefined : bare;
  const fields = { address, ...(ip === undefined ? {} : { ip }), ...(port >= 0 && port <= 65_535 ? { port } : {}) };
  return ip === undefined ? { fields, host } : { fields, ip };
}

/** What the handshake showed. It is no TLS, but these are the fields in which such things are looked for. */
function tlsOf({ eventType, details: { action, success } }: MeshAuditEvent, metadata: Json, peer: 'client' | 'server'): Json | undefined {
  const cipher = textIn(metadata, 'suite');
  const peerId = textIn(metadata, 'peerId');
  const notAfter = action === 'identity.changed' ? textIn(metadata, 'notAfter') : undefined;
  if (notAfter !== undefined) return { server: { not_after: notAfter } };
  if (eventType !== 'connection' || (cipher === undefined && peerId === undefined)) return undefined;
  return { ...(cipher === undefined ? {} : { cipher }), established: success, ...(peerId === undefined ? {} : { [peer]: { x509: { alternative_names: [peerId] } } }) };
}

function relatedOf(metadata: Json | undefined, end: End | undefined): Json | undefined {
  const hash = metadata === undefined ? [] : [textIn(metadata, 'keyId'), textIn(metadata, 'previousKeyId')].filter((each) => each !== undefined);
  if (hash.length === 0 && end === undefined) return undefined;
  return {
    ...(end?.ip === undefined ? {} : { ip: [end.ip] }),
    ...(end?.host === undefined ? {} : { hosts: [end.host] }),
    ...(hash.length === 0 ? {} : { hash }),
  };
}

/** As `flattened`, so that each of its fields can be searched by name; as text where Elasticsearch would refuse the document for it. */
function metadataOf(metadata: Json | undefined): Json {
  if (metadata === undefined) return {};
  return isPlain(metadata) && fits(metadata, 1, 0) ? { metadata } : { metadata_json: JSON.stringify(metadata) };
}

function fits(value: unknown, depth: number, path: number): boolean {
  if (typeof value !== 'object' || value === null || types.isDate(value)) return true;
  // A list is no level of the field, but one of the JSON, which may have 1,000.
  if (Array.isArray(value)) return path <= MAX_PATH && value.every((each) => fits(each, depth, path + 3));
  if (depth > MAX_DEPTH) return false;
  for (const key of Object.keys(value)) {
    const length = path + 1 + key.length;
    if (length > MAX_PATH || key.includes('\0') || !fits((value as Json)[key], depth + 1, length)) return false;
  }
  return true;
}

/** Also where it comes from another realm. */
const isPlain = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value) && typeof (value as { toJSON?: unknown }).toJSON !== 'function';

function textIn(metadata: Json | undefined, name: string): string | undefined {
  const value = metadata !== undefined && Object.hasOwn(metadata, name) ? metadata[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
