import { MeshError } from '@lemur-bookstores/mesh-interface';
import { encodeBody, type Codec, type EncodedBody } from '../wire/body.js';

/** A handler's result as it is sent. @throws MeshError `body_too_large`; what the codec throws */
export function encodeResult(result: unknown, codec: Codec | undefined, maxMessageBytes: number): EncodedBody {
  const encoded = encodeBody(result, codec);
  const { data } = encoded;
  // A character takes three bytes at most: most results need not be counted.
  if (data === undefined || data.length * 3 + 1024 <= maxMessageBytes) return encoded;
  const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
  if (bytes + 1024 > maxMessageBytes) throw new MeshError('body_too_large', `the result has ${bytes} bytes; a message holds ${maxMessageBytes - 1024}`, { retryable: false });
  return encoded;
}
