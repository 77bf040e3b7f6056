import { CHANNEL_RECORD_FLAG, MeshError, systemClock, type CipherSuite, type Clock, type PeerIdentity, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import type { HandshakeKeys } from '../noise/noise-handshake.js';
import type { CryptoPrimitives } from '../primitives/primitives.js';
import { ChannelKeys } from './channel-keys.js';
import { Rekeying } from './channel-rekeying.js';
import { CIPHER_SUITES } from './cipher-suites.js';
import { cryptoperiodOf, type Cryptoperiod } from './cryptoperiod.js';
import { firstKeyIdOf } from './key-schedule.js';
import { EPOCH_MASK, RECORD_OVERHEAD_BYTES, RecordKeys } from './record-keys.js';
import { Rekey } from './rekey.js';

/** At most this many bytes of plaintext in a record: beyond Noise's 65,535, which is a stated deviation (PROTOCOL 2.2). */
export const MAX_RECORD_PLAINTEXT_BYTES = 256 * 1024;

const FLAGS_MASK = 0xf0;
const DEFAULT_CRYPTOPERIOD = cryptoperiodOf();

/** What a finished handshake knows. */
export interface NoiseChannelOptions {
  readonly role: 'initiator' | 'responder';
  readonly suite: CipherSuite;
  readonly peer: PeerIdentity;
  /** Judges the peer's chain again; must hold nothing of the handshake. */
  readonly reverify: () => MeshError | undefined;
  /** Until a leaf of either side ends, in ms. Default: none does. */
  readonly validForMs?: number;
  /** Of the own static key. */
  readonly staticKeyUse?: { readonly revoked: boolean; readonly superseded: boolean } | undefined;
  readonly handshakeHash: Uint8Array;
  readonly primitives: CryptoPrimitives;
  /** Taken over: wiped when the channel is destroyed. */
  readonly keys: HandshakeKeys;
  /** Default: what no options give. */
  readonly cryptoperiod?: Cryptoperiod;
  readonly clock?: Clock;
  /** For tests: draws the jitter. */
  readonly random?: () => number;
  /** For tests: the epoch to begin in. Default 0. */
  readonly epoch?: number;
}

/**
 * The records of one session (PROTOCOL 2, 3). In each epoch both ends count records from 0 and nothing else tells them apart, so that one
 * that is missing, doubled, late or altered fails at its tag.
 */
export class NoiseChannel implements SecureChannel {
  readonly role: 'initiator' | 'responder';
  readonly suite: CipherSuite;
  readonly peer: PeerIdentity;
  readonly handshakeHash: Uint8Array;
  readonly validForMs: number;
  readonly rekeying: Rekeying;
  readonly #keys: ChannelKeys;
  readonly #reverify: () => MeshError | undefined;
  readonly #staticKeyUse: { readonly revoked: boolean; readonly superseded: boolean } | undefined;
  #destroyed = false;

  constructor(options: NoiseChannelOptions) {
    const { role, suite, primitives, handshakeHash, keys, epoch = 0, clock = systemClock, cryptoperiod = DEFAULT_CRYPTOPERIOD, random = Math.random } = options;
    const aead = primitives.aead(CIPHER_SUITES[suite].aead);
    const keysOf = (key: Buffer): RecordKeys => new RecordKeys(aead, key, { epoch, since: clock.monotonic() });
    this.role = role;
    this.suite = suite;
    this.peer = options.peer;
    this.handshakeHash = handshakeHash;
    this.validForMs = options.validForMs ?? Infinity;
    this.#reverify = options.reverify;
    this.#staticKeyUse = options.staticKeyUse;
    this.#keys = new ChannelKeys({
      epoch,
      keyId: firstKeyIdOf(primitives.hash('SHA256'), handshakeHash),
      activatedAt: clock.now(),
      send: keysOf(keys.send),
      receive: keysOf(keys.receive),
    });
    const { minIntervalMs } = cryptoperiod;
    const rekey = new Rekey({ role, primitives, handshakeHash, rekeySecret: keys.rekeySecret, minIntervalMs, epoch });
    this.rekeying = new Rekeying({ keys: this.#keys, rekey, aead, cryptoperiod, clock, random, destroy: () => this.destroy() });
  }

  get revoked(): boolean {
    return this.#staticKeyUse?.revoked === true;
  }

  get superseded(): boolean {
    return this.#staticKeyUse?.superseded === true;
  }

  get epoch(): number {
    return this.#keys.present.epoch;
  }

  /**
   * Seals one record.
   * @throws MeshError `body_too_large`, `invalid_option` (flags) and `key_expired`, which change nothing; `nonce_exhausted`, which destroys
   *   the channel; `session_closed` once it is destroyed
   */
  seal(flags: number, parts: readonly Uint8Array[], target?: Buffer): Buffer {
    this.#checkAlive();
    if ((flags & FLAGS_MASK) !== flags) throw new MeshError('invalid_option', `flags ${flags} are not in the high half of a byte`);
    if (flags >= CHANNEL_RECORD_FLAG && this.rekeying.started) throw new MeshError('invalid_option', `flags ${flags}: 0x80 is the channel's own`);
    let length = 0;
    for (const part of parts) length += part.length;
    if (length > MAX_RECORD_PLAINTEXT_BYTES) throw new MeshError('body_too_large', `${length} bytes in a record, not at most 256 KiB`);
    try {
      return this.#keys.send.seal(flags, parts, length, target);
    } catch (error) {
      if (!MeshError.is(error) || error.reason !== 'key_expired') this.destroy();
      throw error;
    }
  }

  /**
   * Opens one record.
   * @throws MeshError `record_invalid`, `key_expired` and `nonce_exhausted`, which destroy the channel; `session_closed` once it is destroyed
   */
  open(record: Uint8Array): Buffer {
    this.#checkAlive();
    try {
      const length = record.length - RECORD_OVERHEAD_BYTES;
      if (length < 0 || length > MAX_RECORD_PLAINTEXT_BYTES) throw new MeshError('record_invalid', `a record of ${record.length} bytes`);
      const header = record[0] ?? 0;
      const { receive } = this.#keys;
      if ((header & EPOCH_MASK) !== receive.header) throw new MeshError('record_invalid', 'a record of another epoch');
      if (header >= CHANNEL_RECORD_FLAG && this.rekeying.started) throw new MeshError('record_invalid', 'a control record in place of data');
      return receive.open(record);
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
    this.rekeying.destroy();
  }

  #checkAlive(): void {
    if (this.#destroyed) throw new MeshError('session_closed', 'the channel was destroyed');
  }
}
