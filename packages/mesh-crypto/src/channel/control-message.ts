import { MeshError } from '@lemur-bookstores/mesh-interface';
import { KEY_BYTES } from '../primitives/primitives.js';

/** The messages of a rekey (PROTOCOL 3): each alone in a record with the flag `CHANNEL_RECORD_FLAG`. Epochs are u32. */
export type ControlMessage =
  /** The acceptor wants a rekey. */
  | { readonly type: 'request' }
  /** The dialler begins: its fresh key A. */
  | { readonly type: 'init'; readonly epoch: number; readonly publicKey: Uint8Array }
  /** The acceptor's fresh key B; its last record of the epoch that ends. */
  | { readonly type: 'response'; readonly epoch: number; readonly publicKey: Uint8Array }
  /** The dialler's first record of the epoch that begins. */
  | { readonly type: 'done' };

const TYPE_BYTES = { request: 1, init: 2, response: 3, done: 4 } as const;
const SHORT_BYTES = 1;
const LONG_BYTES = 1 + 4 + KEY_BYTES;

/** No control message is longer. */
export const MAX_CONTROL_BYTES = LONG_BYTES;

/** `type(1)`, and for INIT and RESP `epoch(4, big-endian) ‖ publicKey(32)`. */
export function encodeControl(message: ControlMessage): Buffer {
  if (!('publicKey' in message)) return Buffer.of(TYPE_BYTES[message.type]);
  const bytes = Buffer.allocUnsafe(LONG_BYTES);
  bytes[0] = TYPE_BYTES[message.type];
  bytes.writeUInt32BE(message.epoch, 1);
  bytes.set(message.publicKey, 5);
  return bytes;
}

/**
 * Takes a control message apart, strictly.
 * @throws MeshError `protocol_violation` for an unknown type or a wrong length
 */
export function decodeControl(bytes: Buffer): ControlMessage {
  const type = bytes[0];
  if (bytes.length === SHORT_BYTES && type === TYPE_BYTES.request) return { type: 'request' };
  if (bytes.length === SHORT_BYTES && type === TYPE_BYTES.done) return { type: 'done' };
  if (bytes.length === LONG_BYTES && (type === TYPE_BYTES.init || type === TYPE_BYTES.response)) {
    return { type: type === TYPE_BYTES.init ? 'init' : 'response', epoch: bytes.readUInt32BE(1), publicKey: bytes.subarray(5) };
  }
  throw new MeshError('protocol_violation', `a control message of type ${type} and ${bytes.length} bytes`);
}
