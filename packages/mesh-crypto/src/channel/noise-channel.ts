import { MeshError, type CipherSuite, type PeerIdentity, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import type { HandshakeKeys } from '../noise/noise-handshake.js';
import type { CryptoPrimitives } from '../primitives/primitives.js';
import { CIPHER_SUITES } from './cipher-suites.js';
import { RECORD_OVERHEAD_BYTES, RecordKeys } from './record-keys.js';

/** At most this many bytes of plaintext in a record: beyond Noise's 65,535, which is a stated deviation (PROTOCOL 2.2). */
export const MAX_RECORD_PLAINTEXT_BYTES = 256 * 1024;

const EPOCH_MASK = 0x0f;
const FLAGS_MASK = 0xf0;

/** What a finished handshake knows. */
export interface NoiseChannelOptions {
  readonly role: 'initiator' | 'responder';
  readonly suite: CipherSuite;
  readonly peer: PeerIdentity;
  /** Judges the peer's chain again; must hold nothing of the handshake. */
  readonly reverify: () => MeshError | undefined;
  readonly handshakeHash: Uint8Array;
  readonly primitives: CryptoPrimitives;
  /** Taken over: wiped when the channel is destroyed. */
  readonly keys: HandshakeKeys;
}

/**
 * The records of one session (PROTOCOL 2). Both ends count records from 0 and nothing else tells them apart, so that one that is
 * missing, doubled, late or altered fails at its tag.
 */
export class NoiseChannel implements SecureChannel {
  readonly role: 'initiator' | 'responder';
  readonly suite: CipherSuite;
  readonly peer: PeerIdentity;
  readonly handshakeHash: Uint8Array;
  readonly epoch = 0;
  readonly #send: RecordKeys;
  readonly #receive: RecordKeys;
  /** rk of this epoch: what the next epoch's keys are derived from (PROTOCOL 3.3). */
  readonly #rekeySecret: Buffer;
  readonly #reverify: () => MeshError | undefined;
  #destroyed = false;

  constructor(options: NoiseChannelOptions) {
    const aead = options.primitives.aead(CIPHER_SUITES[options.suite].aead);
    this.role = options.role;
    this.suite = options.suite;
    this.peer = options.peer;
    this.handshakeHash = options.handshakeHash;
    this.#send = new RecordKeys(aead, options.keys.send);
    this.#receive = new RecordKeys(aead, options.keys.receive);
    this.#rekeySecret = options.keys.rekeySecret;
    this.#reverify = options.reverify;
  }

  /**
   * Seals one record.
   * @throws MeshError `body_too_large` and `invalid_option` (flags), which change nothing; `nonce_exhausted`, which destroys the
   *   channel; `session_closed` once it is destroyed
   */
  seal(flags: number, parts: readonly Uint8Array[], target?: Buffer): Buffer {
    this.#checkAlive();
    if ((flags & FLAGS_MASK) !== flags) throw new MeshError('invalid_option', `flags ${flags} are not in the high half of a byte`);
    let length = 0;
    for (const part of parts) length += part.length;
    if (length > MAX_RECORD_PLAINTEXT_BYTES) throw new MeshError('body_too_large', `${length} bytes in a record, not at most 256 KiB`);
    try {
      return this.#send.seal(flags | (this.epoch & EPOCH_MASK), parts, length, target);
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /**
   * Opens one record.
   * @throws MeshError `record_invalid` and `nonce_exhausted`, which destroy the channel; `session_closed` once it is destroyed
   */
  open(record: Uint8Array): Buffer {
    this.#checkAlive();
    try {
      const length = record.length - RECORD_OVERHEAD_BYTES;
      if (length < 0 || length > MAX_RECORD_PLAINTEXT_BYTES) throw new MeshError('record_invalid', `a record of ${record.length} bytes`);
      if (((record[0] ?? 0) & EPOCH_MASK) !== (this.epoch & EPOCH_MASK)) throw new MeshError('record_invalid', 'a record of another epoch');
      return this.#receive.open(record);
    } catch (error) {
      this.destroy();
      if (MeshError.is(error) && error.reason !== 'decrypt_failed') throw error;
      throw new MeshError('record_invalid', 'a record was altered, repeated, or is out of order', { cause: error });
    }
  }

  /** `mesh_closed` once the manager that made the channel was closed: nothing is known any more by which to judge. */
  reverify(): MeshError | undefined {
    return this.#reverify();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#send.destroy();
    this.#receive.destroy();
    this.#rekeySecret.fill(0);
  }

  #checkAlive(): void {
    if (this.#destroyed) throw new MeshError('session_closed', 'the channel was destroyed');
  }
}
