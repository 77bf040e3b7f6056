import { isIP } from 'node:net';
import { escapeControls, MeshError, type MeshAuditEvent, type TraceContext } from '@lemur-bookstores/mesh-interface';

/** What is the same for all logs of an adapter. */
export interface LogOrigin {
  readonly service: string;
  readonly hostname: string;
  /** Comma-separated. */
  readonly ddtags: string;
}

/** One entry of the logs intake: Datadog's own fields, its standard attributes, and `mesh`. */
export interface DatadogLog {
  readonly message: string;
  readonly ddsource: 'secure-stack-mesh';
  readonly ddtags: string;
  readonly service: string;
  readonly hostname: string;
  readonly status: 'error' | 'warn' | 'info';
  /** ms since 1970: the event's, unless the intake would not take that. */
  readonly timestamp: number;
  readonly evt: { readonly name: string; readonly category: string; readonly outcome: 'success' | 'failure' };
  readonly event: { readonly id: string; readonly sequence: number; readonly created: string };
  readonly mesh: {
    readonly service: string;
    readonly target?: string;
    readonly count?: number;
    readonly metadata?: Readonly<Record<string, unknown>>;
  };
  /** ns. */
  readonly duration?: number;
  readonly error?: { readonly kind?: string; readonly message: string };
  readonly usr?: { readonly id: string };
  readonly network?: { readonly client: Address } | { readonly destination: Address };
  /** For traces of Datadog's. */
  readonly dd?: { readonly trace_id: string; readonly span_id: string };
  /** The same ids as W3C Trace Context has them. */
  readonly otel?: { readonly trace_id: string; readonly span_id: string };
}

interface Address {
  readonly ip: string;
  readonly port?: number;
}

/** A log as it is sent. */
export interface EncodedLog {
  readonly json: string;
  readonly bytes: number;
}

const HOUR_MS = 3_600_000;
/** The intake takes logs of the last 18 hours and the next two (log date remapper); a retry and a clock that differs must fit in as well. */
const MAX_AGE_MS = 17.5 * HOUR_MS;
const MAX_AHEAD_MS = 1.75 * HOUR_MS;
const MAX_MESSAGE_CHARACTERS = 2_000;
const TRACE_ID = /^[0-9a-f]{32}$/;
const SPAN_ID = /^[0-9a-f]{16}$/;
const REASON = /^([a-z][a-z0-9_]{0,63}): ([^]*)$/;

/**
 * An event as an entry of the logs intake.
 * @param now ms since 1970
 */
export function datadogLog(event: MeshAuditEvent, { service, hostname, ddtags }: LogOrigin, now: number): DatadogLog {
  const { id, sequence, timestamp, eventType, serviceId, targetServiceId, details, trace } = event;
  const { action, success, duration, messageCount, error, metadata } = details;
  const at = timestamp.getTime();
  const isTaken = at >= now - MAX_AGE_MS && at <= now + MAX_AHEAD_MS;
  return {
    message: messageOf(event),
    ddsource: 'secure-stack-mesh',
    ddtags: isTaken ? ddtags : withTag(ddtags, at < now ? 'mesh_timestamp:late' : 'mesh_timestamp:ahead'),
    service,
    hostname,
    status: eventType === 'error' ? 'error' : success ? 'info' : 'warn',
    timestamp: isTaken ? at : now,
    evt: { name: action, category: eventType, outcome: success ? 'success' : 'failure' },
    event: { id, sequence, created: timestamp.toISOString() },
    mesh: {
      service: serviceId,
      ...(targetServiceId === undefined ? {} : { target: targetServiceId }),
      ...(messageCount === undefined ? {} : { count: messageCount }),
      ...(metadata === undefined ? {} : { metadata }),
    },
    ...(duration === undefined ? {} : { duration: Math.round(duration * 1e6) }),
    ...(error === undefined ? {} : { error: errorOf(error) }),
    ...(metadata === undefined ? {} : partiesOf(metadata)),
    ...(trace === undefined ? {} : traceOf(trace)),
  };
}

/**
 * A log in JSON. Datadog cuts one that is too long anywhere and says nothing; this cuts its longest texts, and marks it.
 * @throws MeshError `adapter_failed`, not retryable, for what is no event or has no JSON form; `sink_too_large` where nothing is left to cut
 */
export function encodeLog(event: MeshAuditEvent, origin: LogOrigin, now: number, maxBytes: number): EncodedLog {
  try {
    const json = JSON.stringify(datadogLog(event, origin, now));
    const bytes = Buffer.byteLength(json);
    return bytes <= maxBytes ? { json, bytes } : cut(JSON.parse(json) as DatadogLog, bytes, maxBytes);
  } catch (cause) {
    if (MeshError.is(cause)) throw cause;
    throw new MeshError('adapter_failed', 'Datadog: what was given is no audit event, or has no JSON form', { cause, retryable: false });
  }
}

/** What of a log may be as long as somebody liked. */
const LONG_PARTS = ['message', 'evt', 'error', 'usr', 'mesh'] as const;
const MAX_NAMED_PARTS = 20;
const MIN_CHARACTERS = 64;

/** Shortens its texts to ever fewer characters, so that the longest are cut first and no further than needed. */
function cut(log: DatadogLog, originalBytes: number, maxBytes: number): EncodedLog {
  const ddtags = withTag(log.ddtags, 'mesh_truncated:true');
  const fit = (shorter: Partial<DatadogLog>, parts: readonly string[]): EncodedLog | undefined => {
    const mark = { truncated: { parts: parts.slice(0, MAX_NAMED_PARTS), bytes: originalBytes } };
    const json = JSON.stringify({ ...log, ...shorter, ddtags, mesh: { ...(shorter.mesh ?? log.mesh), ...mark } });
    const bytes = Buffer.byteLength(json);
    return bytes <= maxBytes ? { json, bytes } : undefined;
  };
  const withTexts = (whole: DatadogLog, characters: number, before: readonly string[]): EncodedLog | undefined => {
    const parts = [...before];
    return fit(Object.fromEntries(LONG_PARTS.filter((name) => whole[name] !== undefined).map((name) => [name, shortened(whole[name], name, characters, parts)])), parts);
  };
  const longest = (whole: DatadogLog, before: readonly string[]): EncodedLog | undefined => {
    // What does not fit with the shortest texts does not with longer ones.
    const shortest = withTexts(whole, MIN_CHARACTERS, before);
    if (shortest === undefined) return undefined;
    for (let characters = Math.floor(maxBytes / 2); characters > MIN_CHARACTERS; characters = Math.floor(characters / 2)) {
      const encoded = withTexts(whole, characters, before);
      if (encoded !== undefined) return encoded;
    }
    return shortest;
  };
  // With too many texts, or names that are too long: the beginning of all metadata, which can at least be read.
  const { metadata, ...mesh } = log.mesh;
  const beginning = (): DatadogLog['mesh'] => ({ ...mesh, metadata_text: headOf(JSON.stringify(metadata ?? null), Math.floor(maxBytes / 8)) }) as DatadogLog['mesh'];
  const encoded = longest(log, []) ?? longest({ ...log, mesh: beginning() }, ['mesh.metadata']);
  if (encoded !== undefined) return encoded;
  throw new MeshError('sink_too_large', `Datadog: an event of ${originalBytes} bytes cannot be cut to ${maxBytes}`, { retryable: false });
}

/** A copy of what JSON holds. @param parts gets the paths of what was cut */
function shortened(value: unknown, path: string, characters: number, parts: string[]): unknown {
  if (typeof value === 'string') {
    if (value.length <= characters) return value;
    parts.push(path.slice(0, 200));
    return `${headOf(value, characters)}…`;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => shortened(item, `${path}.${index}`, characters, parts));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shortened(item, `${path}.${name}`, characters, parts)]));
}

/** Not half of a surrogate pair at its end. */
const headOf = (text: string, characters: number): string => (text.length <= characters ? text : text.slice(0, characters).replace(/[\ud800-\udbff]$/, ''));

/** One line for a person; everything in it is an attribute as well, whole. */
function messageOf({ serviceId, targetServiceId, details: { action, success, duration, messageCount, error } }: MeshAuditEvent): string {
  let text = `${action}${success ? '' : ' FAILED'}: ${serviceId}`;
  if (targetServiceId !== undefined) text += ` → ${targetServiceId}`;
  if (duration !== undefined) text += `, ${duration.toFixed(1)} ms`;
  if (messageCount !== undefined && messageCount !== 1) text += `, ${messageCount} times`;
  if (error !== undefined) text += `: ${error}`;
  const line = escapeControls(headOf(text, MAX_MESSAGE_CHARACTERS));
  return text.length > MAX_MESSAGE_CHARACTERS ? `${line}…` : line;
}

/** `reason: text`, as every error of the trail is. */
function errorOf(error: string): { kind?: string; message: string } {
  const [, kind, message] = REASON.exec(error) ?? [];
  return kind === undefined || message === undefined ? { message: error } : { kind, message };
}

/** Who was at the other end: of a connection that came in its client, who proved to be somebody. */
function partiesOf({ direction, peerId, address, endpoint }: Readonly<Record<string, unknown>>): Pick<DatadogLog, 'usr' | 'network'> {
  const at = addressOf(address ?? endpoint);
  if (direction === 'inbound') {
    return { ...(typeof peerId === 'string' && peerId !== '' ? { usr: { id: peerId } } : {}), ...(at === undefined ? {} : { network: { client: at } }) };
  }
  return direction === 'outbound' && at !== undefined ? { network: { destination: at } } : {};
}

/** `host:port`; IPv6 with or without brackets, IPv4 also as a dual-stack socket has it. A host that is a name is no `ip`. */
function addressOf(text: unknown): Address | undefined {
  if (typeof text !== 'string' || text.length > 80) return undefined;
  const colon = text.lastIndexOf(':');
  const ip = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1').replace(/^::ffff:(?=\d+\.)/i, '');
  const port = text.slice(colon + 1);
  return colon < 0 || isIP(ip) === 0 || !/^\d{1,5}$/.test(port) ? undefined : { ip, port: Number(port) };
}

/**
 * Datadog correlates by the lower 64 bits of a trace id, in decimal, in `dd.trace_id` (Connect OpenTelemetry Traces and Logs): they match 128-bit ids as well
 * (Trace IDs, 128-bit). Its own exporter of OpenTelemetry keeps the whole ids in `otel`, and so do we.
 */
function traceOf({ traceId, spanId }: TraceContext): Pick<DatadogLog, 'dd' | 'otel'> {
  const otel = { trace_id: traceId, span_id: spanId };
  if (!TRACE_ID.test(traceId) || !SPAN_ID.test(spanId)) return { otel };
  return { dd: { trace_id: String(BigInt(`0x${traceId.slice(16)}`)), span_id: String(BigInt(`0x${spanId}`)) }, otel };
}

const withTag = (ddtags: string, tag: string): string => (ddtags === '' ? tag : `${ddtags},${tag}`);
