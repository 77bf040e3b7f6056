import type { ChannelRekeying, RekeyTrigger } from './channel-rekeying.js';
import type { PeerIdentity } from './identity.js';
import type { MeshError } from './mesh-error.js';

/** AEAD of a channel; both use X25519 and SHA-256 (PROTOCOL 1.1). */
export type CipherSuite = 'aesgcm' | 'chachapoly';

/**
 * A channel whose peer is proven. Records are sealed and opened in order; the first failure ends it for good: afterwards every
 * call throws, and nothing of a bad record is delivered.
 */
export interface SecureChannel {
  readonly peer: PeerIdentity;
  readonly role: 'initiator' | 'responder';
  readonly suite: CipherSuite;
  /** Counts rekeys from 0: the newest epoch that both ends are known to have. */
  readonly epoch: number;
  /** How the keys are replaced while the channel lives; absent where they cannot be. */
  readonly rekeying?: ChannelRekeying;
  /** Hash of the handshake, 32 bytes: the same at both ends, and different for every session. */
  readonly handshakeHash: Uint8Array;
  /**
   * How long, from the handshake on, both leaves were to be valid, in ms: then a new handshake is due (PROTOCOL 3.9), whatever the wall clock
   * does meanwhile. `Infinity` where nothing ends.
   */
  readonly validForMs: number;
  /** The own static key of its handshake was destroyed because of a compromise (PROTOCOL 6.6): no session may begin with it. Absent where keys are not rotated. */
  readonly revoked?: boolean;
  /** The own static key of its handshake has been replaced: a new handshake is due (PROTOCOL 3.9). Absent where keys are not rotated. */
  readonly superseded?: boolean;
  /**
   * Seals one record: header byte (epoch mod 16 in the low half, `flags` in the high half), ciphertext, tag (16).
   * @param flags one of 0x00, 0x10 … 0xf0; without `CHANNEL_RECORD_FLAG` once it rekeys
   * @param parts the plaintext in pieces, 256 KiB at most together; they are copied
   * @param target where to write the record: 17 bytes longer than the parts together, or more. Default: new memory
   * @returns the record: the target's beginning, or a buffer of its own
   * @throws MeshError `key_expired` while `rekeying.holds`; the channel is as it was
   */
  seal(flags: number, parts: readonly Uint8Array[], target?: Buffer): Buffer;
  /**
   * Opens one record and returns its plaintext in a buffer of its own. The flags are `record[0] & 0xf0`, authentic once this returned.
   * @throws MeshError `record_invalid` (altered, repeated, reordered, wrong epoch), `key_expired` (data under a key past its hard limit),
   *   after which the channel is destroyed
   */
  open(record: Uint8Array): Buffer;
  /**
   * Whether the peer's chain still verifies, under the present trust bundle and at the present time (PROTOCOL 6.4). Changes nothing:
   * what becomes of the session is its owner's to decide.
   * @returns what is wrong with it; `undefined` where it holds
   */
  reverify(): MeshError | undefined;
  /** Fills all keys with zeros. Safe to call twice. */
  destroy(): void;
}

/** What a message of the handshake led to. */
export interface HandshakeStep {
  /** To be sent to the peer, before anything else. */
  readonly reply?: Uint8Array;
  /** The handshake is done: the peer is proven. */
  readonly channel?: SecureChannel;
}

/** One handshake under way. Synchronous: the caller moves the messages and owns deadline and socket. */
export interface ChannelHandshake {
  readonly role: 'initiator' | 'responder';
  /** The initiator's first message; `undefined` for the responder. Call once. */
  start(): Uint8Array | undefined;
  /**
   * Takes the peer's next message.
   * @throws MeshError with the reason for the own log; the peer only ever sees the connection close
   */
  receive(message: Uint8Array): HandshakeStep;
  /** Wipes what is left of it. */
  destroy(): void;
}

/** Whom a dialler expects. */
export interface ExpectedPeer {
  /** The service's id, for messages. */
  readonly serviceId: string;
  /** The exact SPIFFE id. Default: `spiffe://<own trust domain>/<serviceId>`. */
  readonly spiffeId?: string;
  /** Base64url SHA-256 of an SPKI; any of them in the chain satisfies. */
  readonly pins?: readonly string[];
}

/** What happened to the own identity while running. */
export type IdentityChange =
  /**
   * Certificate, key or trust bundle are new, and in use from now on; `notAfter` as in {@link ChannelFactory}. With `trustChanged`, another
   * bundle or another CA that vouches for the leaf, every live session needs a new handshake (PROTOCOL 3.9).
   */
  | { readonly type: 'changed'; readonly id: string; readonly notAfter: number; readonly trustChanged: boolean }
  /** A replacement cannot be used: the last good identity stays. */
  | { readonly type: 'refused'; readonly error: MeshError };

/** What became of the sessions that there were when a rotation began. */
export interface SessionsRotated {
  /** Have new keys at both ends, in band or by a session that took their place. */
  readonly rotated: number;
  /** Ended without: closed here because they had not by then, or for reasons of their own. */
  readonly ended: number;
  /** Have their old keys still. */
  readonly left: number;
}

/** Whoever has the live sessions of a channel factory: mesh-core's MeshNode. */
export interface SessionOwner {
  /** New keys in band for every session; those that are there later come with new keys anyway. Resolves within `withinMs`, never rejects. */
  rekeySessions(trigger: RekeyTrigger, withinMs: number): Promise<SessionsRotated>;
  /**
   * A new handshake for every session, make-before-break (PROTOCOL 3.9): the dialler dials, the acceptor asks for it by GOAWAY. Those that have
   * not within `withinMs` take no calls from then on, and close after their last answer, within a drain; with `compromise` they are closed at once.
   * Resolves then, or as soon as every one has been replaced; never rejects.
   */
  renewSessions(trigger: RekeyTrigger, withinMs: number): Promise<SessionsRotated>;
}

/** Makes handshakes: implemented by mesh-crypto's CryptoManager. */
export interface ChannelFactory {
  /** Loads identity and keys. Everything below needs it first. */
  load(): Promise<void>;
  /** The own SPIFFE id, once loaded. */
  readonly id: string;
  /** End of the own leaf's validity, ms since 1970, once loaded. */
  readonly notAfter: number;
  dial(expected: ExpectedPeer): ChannelHandshake;
  /** @param pinsOf pins for a peer that dialled in, by its SPIFFE id; both directions are checked (PROTOCOL 6.5) */
  accept(pinsOf?: (spiffeId: string) => readonly string[] | undefined): ChannelHandshake;
  /**
   * Calls `listener` after each change. After one with `trustChanged` the owner of live channels asks each to `reverify()` (PROTOCOL 6.4). A listener
   * that throws or rejects is logged and disturbs nobody.
   * @returns the function that ends it
   */
  onIdentityChange(listener: (change: IdentityChange) => void): () => void;
  /** From now on a rotation of keys asks this owner for its part. Absent where keys are not rotated. @returns the function that ends it */
  ownSessions?(owner: SessionOwner): () => void;
}
