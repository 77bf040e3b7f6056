import type { ChannelRekeying } from './channel-rekeying.js';
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
  /** Certificate, key or trust bundle are new, and in use from now on; `notAfter` as in {@link ChannelFactory}. */
  | { readonly type: 'changed'; readonly id: string; readonly notAfter: number }
  /** A replacement cannot be used: the last good identity stays. */
  | { readonly type: 'refused'; readonly error: MeshError };

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
   * Calls `listener` after each change. After a `changed` the owner of live channels asks each to `reverify()` (PROTOCOL 6.4). A listener
   * that throws or rejects is logged and disturbs nobody.
   * @returns the function that ends it
   */
  onIdentityChange(listener: (change: IdentityChange) => void): () => void;
}
