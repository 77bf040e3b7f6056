import { hkdf } from '../primitives/hkdf.js';
import { KEY_BYTES, type HashFunction } from '../primitives/primitives.js';
import { copySecret } from '../primitives/secret-memory.js';

const REKEY_LABEL = Buffer.from('secure-stack-mesh v1 rekey\0');
const KEY_ID_LABEL = Buffer.from('secure-stack-mesh v1 key id\0');

/** Long enough that two keys never share one, short enough for a log line. */
const KEY_ID_BYTES = 16;

/** The public values of one rekey: both ends have the same. */
export interface RekeyTranscript {
  /** `h` of the handshake. */
  readonly handshakeHash: Uint8Array;
  /** The epoch that begins. */
  readonly epoch: number;
  /** A. */
  readonly initiatorKey: Uint8Array;
  /** B. */
  readonly responderKey: Uint8Array;
}

/** The secrets of one epoch, 32 bytes each in memory of their own, the receiver's to wipe. */
export interface EpochSecrets {
  /** rk: what the epoch after it is derived from. */
  readonly rekeySecret: Buffer;
  readonly initiatorToResponder: Buffer;
  readonly responderToInitiator: Buffer;
}

/**
 * The next epoch's secrets (PROTOCOL 3.3). Its own intermediate values are wiped; the two inputs are the caller's to wipe.
 * @param rekeySecret rk of the epoch that ends
 * @param sharedSecret X25519 of the two fresh keys
 */
export function deriveEpoch(hash: HashFunction, rekeySecret: Uint8Array, sharedSecret: Uint8Array, transcript: RekeyTranscript): EpochSecrets {
  const info = Buffer.concat([REKEY_LABEL, ...publicValues(transcript)]);
  const output = hkdf(hash, rekeySecret, sharedSecret, info, 3 * KEY_BYTES);
  const key = (index: number): Buffer => copySecret(output.subarray(index * KEY_BYTES, (index + 1) * KEY_BYTES));
  const secrets = { rekeySecret: key(0), initiatorToResponder: key(1), responderToInitiator: key(2) };
  output.fill(0);
  return secrets;
}

/** Names the keys of an epoch, the same at both ends: 32 hex digits of a hash of public values only. */
export function keyIdOf(hash: HashFunction, transcript: RekeyTranscript): string {
  return hash.digest(KEY_ID_LABEL, ...publicValues(transcript)).toString('hex', 0, KEY_ID_BYTES);
}

/** Names the keys that a handshake gave: as {@link keyIdOf}, without fresh keys. */
export function firstKeyIdOf(hash: HashFunction, handshakeHash: Uint8Array): string {
  const nothing = Buffer.alloc(0);
  return keyIdOf(hash, { handshakeHash, epoch: 0, initiatorKey: nothing, responderKey: nothing });
}

function publicValues({ handshakeHash, epoch, initiatorKey, responderKey }: RekeyTranscript): Uint8Array[] {
  const number = Buffer.allocUnsafe(4);
  number.writeUInt32BE(epoch);
  return [handshakeHash, number, initiatorKey, responderKey];
}
