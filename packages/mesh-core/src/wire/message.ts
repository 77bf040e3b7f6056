/**
 * Messages inside a record (docs/wire-protocol.md). Integers are big-endian.
 *
 *     kind(1) flags(1) id(4) length(4) payload(length)
 *
 * A request's payload: timeoutMs(4) methodLength(1) method [metadataLength(2) metadata] [traceId(16) spanId(8)] body.
 * A response's payload is its body, an error's is JSON. Control messages have none.
 */
export const MessageKind = {
  request: 1,
  response: 2,
  error: 3,
  cancel: 4,
  ping: 5,
  pong: 6,
  /** `id` is the last request that the sender took up: later ones have not run (PROTOCOL 1.5). */
  goAway: 7,
  /** The sender writes nothing after this: without it the end of the connection is a truncation. */
  close: 8,
  /** The acceptor's first message: the dialler is proven too. No request is written before it came (docs/adr/0004). */
  welcome: 9,
} as const;

/** Low two bits of a message's flags: how its body is encoded. */
export const BodyKind = { none: 0, json: 1, bytes: 2, codec: 3 } as const;

export const BODY_KIND_MASK = 0x03;
/** Request: metadata stands before the body. */
export const FLAG_METADATA = 0x04;
/** Request: trace context stands before the body. */
export const FLAG_TRACE = 0x08;
/** Error: its sender vouches that the handler did not run. */
export const FLAG_NOT_RUN = 0x10;

/** Record flags (high half of the header byte). A record without `fragment` holds whole messages. */
export const RecordFlag = { fragment: 0x10, first: 0x20, last: 0x40 } as const;

export const HEADER_BYTES = 10;
export const MAX_METHOD_BYTES = 255;
export const MAX_METADATA_BYTES = 8 * 1024;
/** Plaintext of one record (PROTOCOL 2.2). */
export const MAX_RECORD_BYTES = 256 * 1024;
/** Header byte and tag of a record. */
export const RECORD_OVERHEAD_BYTES = 17;
/** Messages in one record (PROTOCOL 2.3): with more, both ends run in lockstep. */
export const MAX_RECORD_MESSAGES = 16;

/** Flags that a message of each kind may have; `undefined` for kinds that there are not. */
const ALLOWED_FLAGS: readonly (number | undefined)[] = Object.assign(new Array<number | undefined>(10).fill(0), {
  0: undefined,
  [MessageKind.request]: BODY_KIND_MASK | FLAG_METADATA | FLAG_TRACE,
  [MessageKind.response]: BODY_KIND_MASK,
  [MessageKind.error]: FLAG_NOT_RUN,
});

/** Whether a message's flags fit its kind; control messages have neither flags nor a payload. */
export function isWellFormed(kind: number, flags: number, length: number): boolean {
  const allowed = ALLOWED_FLAGS[kind];
  return allowed !== undefined && (flags & ~allowed) === 0 && (length === 0 || kind <= MessageKind.error);
}

/** @returns the offset behind the header */
export function writeHeader(target: Buffer, offset: number, kind: number, flags: number, id: number, length: number): number {
  target[offset] = kind;
  target[offset + 1] = flags;
  target.writeUInt32BE(id, offset + 2);
  target.writeUInt32BE(length, offset + 6);
  return offset + HEADER_BYTES;
}
