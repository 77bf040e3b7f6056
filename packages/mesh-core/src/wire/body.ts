import { MeshError } from '@lemur-bookstores/mesh-interface';
import { BodyKind } from './message.js';

/** An encoding for bodies beside JSON and raw bytes. Both ends must have the same one. */
export interface Codec {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

/** A body on its way out: text and bytes are kept apart so that text is encoded straight into the record. */
export interface EncodedBody {
  readonly kind: number;
  readonly data: string | Uint8Array | undefined;
}

/** JSON.stringify and structuredClone overflow the stack from about 10,000 levels: what parses must also print. */
const MAX_JSON_DEPTH = 500;
const NO_BODY: EncodedBody = { kind: BodyKind.none, data: undefined };

/** @throws MeshError `body_invalid` where the value is nothing JSON can carry */
export function encodeBody(value: unknown, codec: Codec | undefined): EncodedBody {
  if (value === undefined) return NO_BODY;
  if (value instanceof Uint8Array) return { kind: BodyKind.bytes, data: value };
  try {
    if (codec !== undefined) return { kind: BodyKind.codec, data: encodeBy(codec, value) };
    const text = JSON.stringify(value) as string | undefined;
    if (text !== undefined) return { kind: BodyKind.json, data: text };
  } catch (error) {
    throw new MeshError('body_invalid', `the value cannot be encoded: ${error instanceof Error ? error.message : 'its toJSON threw'}`, { cause: error, mayHaveRun: false });
  }
  throw new MeshError('body_invalid', `a ${typeof value} cannot be encoded as JSON`, { mayHaveRun: false });
}

/** A codec is the user's: what it gives besides bytes would end the connection further down. */
function encodeBy(codec: Codec, value: unknown): Uint8Array {
  const data: unknown = codec.encode(value);
  if (!(data instanceof Uint8Array)) throw new TypeError('the codec gave no bytes');
  return data;
}

/**
 * Decodes what a peer sent. Raw bytes are copied out where they are small, so that they do not keep a whole record alive.
 * @throws MeshError `body_invalid`
 */
export function decodeBody(kind: number, buffer: Buffer, start: number, end: number, codec: Codec | undefined): unknown {
  switch (kind) {
    case BodyKind.none:
      if (start !== end) throw new MeshError('body_invalid', 'a body without a kind');
      return undefined;
    case BodyKind.json: {
      if (end - start > 2 * MAX_JSON_DEPTH && jsonDepthExceeds(buffer, start, end, MAX_JSON_DEPTH)) {
        throw new MeshError('body_invalid', `JSON is nested deeper than ${MAX_JSON_DEPTH} levels`);
      }
      try {
        return JSON.parse(buffer.toString('utf8', start, end)) as unknown;
      } catch (error) {
        throw new MeshError('body_invalid', 'the body is not JSON', { cause: error });
      }
    }
    case BodyKind.bytes: {
      const view = buffer.subarray(start, end);
      // A view that fills most of its record costs no more than a copy would.
      return view.length * 2 < buffer.length ? Buffer.from(view) : view;
    }
    default:
      if (codec === undefined) throw new MeshError('body_invalid', 'the body is encoded by a codec that is not set here');
      try {
        return codec.decode(buffer.subarray(start, end));
      } catch (error) {
        throw new MeshError('body_invalid', 'the codec could not decode the body', { cause: error });
      }
  }
}

function jsonDepthExceeds(buffer: Buffer, start: number, end: number, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = start; i < end; i++) {
    const byte = buffer[i];
    if (inString) {
      if (byte === 0x5c /* \ */) i++;
      else if (byte === 0x22 /* " */) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b /* [ */ || byte === 0x7b /* { */) {
      if (++depth > limit) return true;
    } else if (byte === 0x5d /* ] */ || byte === 0x7d /* } */) depth--;
  }
  return false;
}
