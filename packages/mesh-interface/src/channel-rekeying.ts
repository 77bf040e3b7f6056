import type { KeyPolicy } from './key-rotation-event.js';
import type { MeshError } from './mesh-error.js';

/** The flag of the records that are a channel's own: the control messages of a rekey (PROTOCOL 3). */
export const CHANNEL_RECORD_FLAG = 0x80;

/**
 * Why a session gets new keys: its keys reached an age, a number of records or of bytes; somebody asked for it, because of a new
 * certificate or a compromise or for no such reason; or the peer wanted it, for reasons of its own.
 */
export type RekeyTrigger = 'interval' | 'records' | 'bytes' | 'manual' | 'certificate' | 'compromise' | 'peer';

/** Records and bytes of plaintext. */
export interface KeyVolume {
  readonly records: number;
  readonly bytes: number;
}

/** What the keys of one epoch of a session were used for. Nothing in it is secret. */
export interface KeyUsage {
  /** 32 hex digits of a hash of public values: the same at both ends, another for each epoch and session. */
  readonly keyId: string;
  readonly epoch: number;
  /** When the keys were derived, ms since 1970. */
  readonly activatedAt: number;
  /** For how long they have been, or were, in use, in ms. */
  readonly ageMs: number;
  readonly sent: KeyVolume;
  readonly received: KeyVolume;
}

/** A rekey that both ends have completed. */
export interface KeysRotated {
  /** Of the new keys. */
  readonly keyId: string;
  readonly epoch: number;
  readonly trigger: RekeyTrigger;
  /** The keys before: wiped at this end. */
  readonly retired: KeyUsage;
}

/** Why the keys of a session will not be replaced any more. */
export type SpentReason = 'no-answer' | 'epochs';

/** The session of a channel that rekeys. */
export interface RekeyHost {
  /** Writes a record at once: before anything that is not sealed yet, and behind all that is. */
  send(record: Buffer): void;
  /** Both ends have new keys; called once for each epoch. */
  onRotated(rotation: KeysRotated): void;
  /** {@link ChannelRekeying.holds} is `false` again: what waited can be sealed. */
  onResume(): void;
  /**
   * These keys will not be replaced any more: dial anew, send GOAWAY (PROTOCOL 3.6, 3.8). `no-answer`: the peer did not do its part in
   * time; `epochs`: there is none after the present one. At the hard limit `onFailed` follows. Called once.
   * @param trigger of the rekey that did not come about
   */
  onSpent(why: SpentReason, trigger: RekeyTrigger): void;
  /** The channel was destroyed, outside any call of its methods. */
  onFailed(error: MeshError): void;
}

/**
 * Replaces the keys of a running channel by a fresh Diffie-Hellman, at the limits of their cryptoperiod or on demand, without a pause in
 * either direction (PROTOCOL 3).
 */
export interface ChannelRekeying {
  /**
   * Begins: from here on limits hold, and the peer may rekey. Both ends do so before their first record, or neither.
   * @throws MeshError `invalid_option` the second time, `session_closed` once the channel is destroyed
   */
  start(host: RekeyHost): void;
  /**
   * Takes a record whose header has {@link CHANNEL_RECORD_FLAG}. May call the host.
   * @throws MeshError `record_invalid`, `protocol_violation`, `key_expired`; the channel is destroyed then
   */
  receive(record: Uint8Array): void;
  /**
   * New keys, please: the dialler begins, the acceptor asks it to. One that is under way serves as well. Not between `seal` and the
   * writing of what it gave: this may write.
   * @returns whether one is under way now; not after {@link drain}, `onSpent`, or before {@link start}
   */
  rekey(trigger: RekeyTrigger): boolean;
  /** The session sent or received GOAWAY: no rekey begins any more, unless a hard limit is near. Safe to call twice. */
  drain(): void;
  /** A rekey is under way. */
  readonly pending: boolean;
  /**
   * The sending key is past its hard limit: `seal` throws `key_expired`, and changes nothing, until `onResume`. Turns `true` within `seal`,
   * or in a timer.
   */
  readonly holds: boolean;
  /** How long, and for how much, the keys of each epoch may be used. */
  readonly policy: KeyPolicy;
  /** Of the newest epoch that both ends are known to have; after the channel's end, of its last. */
  readonly usage: KeyUsage;
}
