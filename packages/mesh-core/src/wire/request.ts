import { MeshError, type CallMetadata, type TraceContext } from '@lemur-bookstores/mesh-interface';
import { FLAG_METADATA, FLAG_TRACE, MAX_METADATA_BYTES, MAX_METHOD_BYTES } from './message.js';

/** What stands between a request's header and its body. */
export interface RequestHead {
  readonly timeoutMs: number;
  readonly method: string;
  readonly metadata: CallMetadata;
  readonly trace: TraceContext | undefined;
  readonly bodyStart: number;
}

/** Without a prototype, as all metadata: a handler that looks up `constructor` finds nothing. */
export const NO_METADATA: CallMetadata = Object.freeze(Object.create(null) as Record<string, string>);
const TRACE_ID = /^[0-9a-f]{32}$/;
const SPAN_ID = /^[0-9a-f]{16}$/;

/** The part of a request that is the same for every call of one method, made once. */
export function encodeMethod(method: string): Buffer {
  const name = Buffer.from(method, 'utf8');
  if (name.length === 0 || name.length > MAX_METHOD_BYTES) {
    throw new MeshError('body_invalid', `a method name has 1 to ${MAX_METHOD_BYTES} bytes, this one ${name.length}`, { mayHaveRun: false });
  }
  return Buffer.concat([Buffer.of(name.length), name]);
}

/** Metadata and trace as they stand on the wire; empty where there is neither. */
export function encodeRequestExtras(metadata: CallMetadata | undefined, trace: TraceContext | undefined): { flags: number; bytes: Buffer | undefined } {
  let flags = 0;
  const parts: Buffer[] = [];
  if (metadata !== undefined) {
    for (const [key, value] of Object.entries(metadata)) {
      if (typeof value !== 'string') throw new MeshError('body_invalid', `metadata '${key}' is not a string`, { mayHaveRun: false });
    }
    const json = Buffer.from(JSON.stringify(metadata), 'utf8');
    if (json.length > MAX_METADATA_BYTES) {
      throw new MeshError('body_too_large', `metadata of ${json.length} bytes; at most ${MAX_METADATA_BYTES}`, { mayHaveRun: false });
    }
    const length = Buffer.allocUnsafe(2);
    length.writeUInt16BE(json.length);
    parts.push(length, json);
    flags |= FLAG_METADATA;
  }
  if (trace !== undefined) {
    if (!TRACE_ID.test(trace.traceId) || !SPAN_ID.test(trace.spanId)) {
      throw new MeshError('body_invalid', 'a trace has a traceId of 32 and a spanId of 16 lower-case hex digits', { mayHaveRun: false });
    }
    parts.push(Buffer.from(trace.traceId + trace.spanId, 'hex'));
    flags |= FLAG_TRACE;
  }
  return { flags, bytes: parts.length === 0 ? undefined : Buffer.concat(parts) };
}

/** @throws MeshError `protocol_violation` where lengths do not fit, `body_invalid` where the metadata is no flat object of strings */
export function decodeRequestHead(flags: number, buffer: Buffer, start: number, end: number): RequestHead {
  if (end - start < 6) throw new MeshError('protocol_violation', 'a request that is too short');
  const timeoutMs = buffer.readUInt32BE(start);
  const methodLength = buffer[start + 4] as number;
  let at = start + 5 + methodLength;
  if (methodLength === 0 || at > end) throw new MeshError('protocol_violation', 'a request whose method does not fit');
  const method = buffer.toString('utf8', start + 5, at);
  let metadata = NO_METADATA;
  if ((flags & FLAG_METADATA) !== 0) {
    if (at + 2 > end) throw new MeshError('protocol_violation', 'a request whose metadata does not fit');
    const length = buffer.readUInt16BE(at);
    at += 2;
    if (length > MAX_METADATA_BYTES || at + length > end) throw new MeshError('protocol_violation', 'a request whose metadata does not fit');
    metadata = parseMetadata(buffer.toString('utf8', at, at + length));
    at += length;
  }
  let trace: TraceContext | undefined;
  if ((flags & FLAG_TRACE) !== 0) {
    if (at + 24 > end) throw new MeshError('protocol_violation', 'a request whose trace does not fit');
    trace = { traceId: buffer.toString('hex', at, at + 16), spanId: buffer.toString('hex', at + 16, at + 24) };
    at += 24;
  }
  return { timeoutMs, method, metadata, trace, bodyStart: at };
}

function parseMetadata(text: string): CallMetadata {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new MeshError('body_invalid', 'the metadata is not JSON', { cause: error });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new MeshError('body_invalid', 'the metadata is not an object');
  // Null prototype: a peer's key `__proto__` is then a key like any other.
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(parsed)) {
    if (typeof value !== 'string') throw new MeshError('body_invalid', 'a metadata value is not a string');
    metadata[key] = value;
  }
  return Object.freeze(metadata);
}
