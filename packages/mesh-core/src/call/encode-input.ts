import { MeshError } from '@lemur-bookstores/mesh-interface';
import { encodeBody, type Codec, type EncodedBody } from '../wire/body.js';

/** A call's input as it is sent. @throws MeshError `body_too_large`, `body_invalid`; what the codec throws */
export function encodeInput(input: unknown, codec: Codec | undefined, maxMessageBytes: number): EncodedBody {
  const encoded = encodeBody(input, codec);
  const { data } = encoded;
  // A character takes three bytes at most: most inputs need not be counted.
  if (data === undefined || data.length * 3 + 1024 <= maxMessageBytes) return encoded;
  const bytes = (typeof data === 'string' ? Buffer.byteLength(data) : data.length) + 1024;
  if (bytes > maxMessageBytes) {
    throw new MeshError('body_too_large', `the input has ${bytes - 1024} bytes; a message of ${maxMessageBytes} leaves room for ${maxMessageBytes - 1024}`, { mayHaveRun: false, retryable: false });
  }
  return encoded;
}
