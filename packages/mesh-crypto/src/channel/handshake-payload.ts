import { MeshError } from '@lemur-bookstores/mesh-interface';
import { MAX_CHAIN_CERTIFICATES } from '../identity/trust-bundle.js';

/** At most this many bytes a certificate. */
const MAX_CERTIFICATE_BYTES = 4096;

/** What a stranger may send in one message before it is proven, in bytes (PROTOCOL 5). */
export const MAX_HANDSHAKE_MESSAGE_BYTES = 16 * 1024;

/** At most this many bytes of certificates: the keys, tags, lengths and signature of a message take less than the rest. */
const MAX_CHAIN_BYTES = MAX_HANDSHAKE_MESSAGE_BYTES - 256;

/** Ed25519 and ECDSA P-256 in ieee-p1363 form: both 64 (PROTOCOL 1.2). */
const SIGNATURE_BYTES = 64;

const SIGNED_TEXT_LABEL = Buffer.from('secure-stack-mesh v1 handshake\0');
const ROLE_BYTES = { initiator: 1, responder: 2 } as const;

/** What the payloads of Noise messages 2 and 3 carry. */
export interface HandshakePayload {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** By the leaf's key over {@link signedText}. */
  readonly signature: Uint8Array;
}

/** What an identity key signs in a handshake (PROTOCOL 1.2). */
export interface SignedClaims {
  /** The signer's. */
  readonly role: 'initiator' | 'responder';
  /** `h` as it stands just before the signer's `writeMessage`. */
  readonly handshakeHash: Uint8Array;
  /** The signer's static public key. */
  readonly staticKey: Uint8Array;
  /** The signer's SPIFFE id. */
  readonly ownId: string;
  /** The accepted responder's SPIFFE id in the initiator's signature, empty in the responder's. */
  readonly peerId: string;
}

/** The bytes to sign: label, role (1 initiator, 2 responder), h, static key, own id and peer id, each id behind its length in two bytes. */
export function signedText(claims: SignedClaims): Buffer {
  const { role, handshakeHash, staticKey, ownId, peerId } = claims;
  const ids = [ownId, peerId].map((id) => prefixed(Buffer.from(id)));
  return Buffer.concat([SIGNED_TEXT_LABEL, Uint8Array.of(ROLE_BYTES[role]), handshakeHash, staticKey, ...ids]);
}

/**
 * `count(1) || { length(2) || certificate } … || signature(64)`, numbers in big-endian order.
 * @throws MeshError `identity_invalid` where the own chain exceeds what peers accept
 */
export function encodeHandshakePayload({ chain, signature }: HandshakePayload): Buffer {
  checkChainSize(chain);
  return Buffer.concat([Uint8Array.of(chain.length), ...chain.map(prefixed), signature]);
}

/**
 * Takes a payload apart, strictly: whatever is missing, over a cap or left over is refused.
 * @throws MeshError `handshake_invalid`
 */
export function decodeHandshakePayload(bytes: Uint8Array): HandshakePayload {
  const count = bytes[0] ?? 0;
  if (count < 1 || count > MAX_CHAIN_CERTIFICATES) throw new MeshError('handshake_invalid', `a chain of ${count} certificates`);
  const chain: Uint8Array[] = [];
  let position = 1;
  for (let index = 0; index < count; index++) {
    const length = ((bytes[position] ?? 0) << 8) | (bytes[position + 1] ?? 0);
    position += 2;
    if (length < 1 || length > MAX_CERTIFICATE_BYTES) throw new MeshError('handshake_invalid', `a certificate of ${length} bytes`);
    chain.push(bytes.subarray(position, position + length));
    position += length;
  }
  if (bytes.length - position !== SIGNATURE_BYTES) throw new MeshError('handshake_invalid', 'cut off, or with bytes left over');
  return { chain, signature: bytes.subarray(position) };
}

/**
 * Whether peers will take a chain.
 * @throws MeshError `identity_invalid`
 */
export function checkChainSize(chain: readonly Uint8Array[]): void {
  const sizes = chain.map(({ length }) => length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const fits = sizes.every((size) => size > 0 && size <= MAX_CERTIFICATE_BYTES) && total <= MAX_CHAIN_BYTES;
  if (chain.length < 1 || chain.length > MAX_CHAIN_CERTIFICATES || !fits) {
    throw new MeshError('identity_invalid', `peers take 1 to ${MAX_CHAIN_CERTIFICATES} certificates of up to 4 KiB, 15.75 KiB together`);
  }
}

function prefixed(bytes: Uint8Array): Buffer {
  const result = Buffer.allocUnsafe(2 + bytes.length);
  result.writeUInt16BE(bytes.length);
  result.set(bytes, 2);
  return result;
}
