import { CHANNEL_RECORD_FLAG, MeshError } from '@lemur-bookstores/mesh-interface';
import type { ChannelKeys } from './channel-keys.js';
import { decodeControl, encodeControl, MAX_CONTROL_BYTES, type ControlMessage } from './control-message.js';
import { EPOCH_MASK, RECORD_OVERHEAD_BYTES } from './record-keys.js';
import type { ReceivingKey } from './rekey.js';

/** A control message alone in a record, under the sending key of the moment. */
export function sealControl(keys: ChannelKeys, message: ControlMessage): Buffer {
  const plaintext = encodeControl(message);
  return keys.send.seal(CHANNEL_RECORD_FLAG, [plaintext], plaintext.length);
}

/**
 * Opens a control record: under the present receiving key, or under the coming one, whose first record it is then (PROTOCOL 3.5).
 * @throws MeshError `record_invalid`, `protocol_violation`, `key_expired`, or what opening gives
 */
export function openControl(keys: ChannelKeys, record: Uint8Array): { readonly message: ControlMessage; readonly key: ReceivingKey } {
  const length = record.length - RECORD_OVERHEAD_BYTES;
  const header = record[0] ?? 0;
  if (length < 0 || length > MAX_CONTROL_BYTES) throw new MeshError('protocol_violation', `a control record of ${record.length} bytes`);
  if ((header & ~EPOCH_MASK) !== CHANNEL_RECORD_FLAG) throw new MeshError('protocol_violation', 'a control record with other flags');
  const epoch = header & EPOCH_MASK;
  const { receive, coming } = keys;
  if (epoch === receive.header) return { message: decodeControl(receive.open(record)), key: 'present' };
  if (epoch === coming?.receive.header) return { message: decodeControl(coming.receive.open(record)), key: 'next' };
  throw new MeshError('record_invalid', 'a control record of another epoch');
}
