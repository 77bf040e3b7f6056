import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { MeshError, type ChannelFactory, type ChannelHandshake, type ChannelRekeying, type CipherSuite, type ExpectedPeer, type HandshakeStep, type IdentityChange, type PeerIdentity, type SecureChannel, type SessionOwner } from '@lemur-bookstores/mesh-interface';

const TAG_BYTES = 16;
const SEED_BYTES = 8;
type Role = SecureChannel['role'];

/** Where a test makes the handshakes of one service fail. */
export interface PlainHooks {
  /** Runs as the own dial begins: what it throws, `dial()` throws. */
  onDial?: (expected: ExpectedPeer) => void;
  /** Runs as a stranger is let in: what it throws, `accept()` throws. */
  onAccept?: () => void;
  /** The dialler's verdict about the acceptor, after message 2. */
  verifyAcceptor?: (acceptorId: string, expected: ExpectedPeer) => MeshError | undefined;
  /** The acceptor's verdict about the dialler, after message 3. */
  verifyDialler?: (diallerId: string, pins: readonly string[] | undefined) => MeshError | undefined;
  onLoad?: () => Promise<void>;
  /** A handshake is done. */
  onChannel?: (channel: PlainChannel) => void;
}

/**
 * Handshakes and records without any cryptography, in the shape of the real ones: three messages as Noise XX has, then records of
 * header byte, plaintext and 16 bytes of "tag" over a counter, so that what is altered, repeated or out of order is refused.
 */
export class PlainChannels implements ChannelFactory {
  readonly id: string;
  readonly notAfter = Infinity;
  readonly hooks: PlainHooks;
  /** Called by a test: something happened to the own identity. */
  readonly identityListeners = new Set<(change: IdentityChange) => void>();
  /** Whom a rotation would ask for its part. */
  readonly owners = new Set<SessionOwner>();
  loads = 0;

  constructor(serviceId: string, hooks: PlainHooks = {}, trustDomain = 'test') {
    this.id = `spiffe://${trustDomain}/${serviceId}`;
    this.hooks = hooks;
  }

  async load(): Promise<void> {
    this.loads++;
    await this.hooks.onLoad?.();
  }

  dial(expected: ExpectedPeer): ChannelHandshake {
    this.hooks.onDial?.(expected);
    return new PlainInitiator(this.id, expected, this.hooks);
  }

  accept(pinsOf?: (spiffeId: string) => readonly string[] | undefined): ChannelHandshake {
    this.hooks.onAccept?.();
    return new PlainResponder(this.id, pinsOf, this.hooks);
  }

  onIdentityChange(listener: (change: IdentityChange) => void): () => void {
    this.identityListeners.add(listener);
    return () => void this.identityListeners.delete(listener);
  }

  ownSessions(owner: SessionOwner): () => void {
    this.owners.add(owner);
    return () => void this.owners.delete(owner);
  }
}

class PlainInitiator implements ChannelHandshake {
  readonly role = 'initiator';
  readonly #ownId: string;
  readonly #expected: ExpectedPeer;
  readonly #hooks: PlainHooks;
  readonly #seed = randomBytes(SEED_BYTES);

  constructor(ownId: string, expected: ExpectedPeer, hooks: PlainHooks) {
    this.#ownId = ownId;
    this.#expected = expected;
    this.#hooks = hooks;
  }

  start(): Uint8Array {
    return Buffer.concat([Buffer.of(1), this.#seed]);
  }

  receive(message: Uint8Array): HandshakeStep {
    const { seed, text: id } = parse(message, 2);
    const wanted = this.#expected.spiffeId ?? this.#ownId.replace(/[^/]+$/, this.#expected.serviceId);
    const verdict = this.#hooks.verifyAcceptor?.(id, this.#expected);
    if (verdict !== undefined) throw verdict;
    if (id !== wanted) throw new MeshError('peer_mismatch', `expected ${wanted}, found ${id}`, { mayHaveRun: false });
    const channel = new PlainChannel('initiator', id, Buffer.concat([this.#seed, seed]));
    this.#hooks.onChannel?.(channel);
    return { reply: Buffer.concat([Buffer.of(3), this.#seed, Buffer.from(this.#ownId)]), channel };
  }

  destroy(): void {}
}

class PlainResponder implements ChannelHandshake {
  readonly role = 'responder';
  readonly #ownId: string;
  readonly #pinsOf: ((spiffeId: string) => readonly string[] | undefined) | undefined;
  readonly #hooks: PlainHooks;
  readonly #seed = randomBytes(SEED_BYTES);
  #diallerSeed: Buffer | undefined;

  constructor(ownId: string, pinsOf: ((spiffeId: string) => readonly string[] | undefined) | undefined, hooks: PlainHooks) {
    this.#ownId = ownId;
    this.#pinsOf = pinsOf;
    this.#hooks = hooks;
  }

  start(): undefined {
    return undefined;
  }

  receive(message: Uint8Array): HandshakeStep {
    if (this.#diallerSeed === undefined) {
      this.#diallerSeed = parse(message, 1).seed;
      return { reply: Buffer.concat([Buffer.of(2), this.#seed, Buffer.from(this.#ownId)]) };
    }
    const { text: id } = parse(message, 3);
    const verdict = this.#hooks.verifyDialler?.(id, this.#pinsOf?.(id));
    if (verdict !== undefined) throw verdict;
    const channel = new PlainChannel('responder', id, Buffer.concat([this.#diallerSeed, this.#seed]));
    this.#hooks.onChannel?.(channel);
    return { channel };
  }

  destroy(): void {}
}

/** Both ends of a session without a handshake. */
export function channelPair(diallerId = 'client', acceptorId = 'server'): { initiator: PlainChannel; responder: PlainChannel } {
  const seed = randomBytes(2 * SEED_BYTES);
  return { initiator: new PlainChannel('initiator', `spiffe://test/${acceptorId}`, seed), responder: new PlainChannel('responder', `spiffe://test/${diallerId}`, seed) };
}

export class PlainChannel implements SecureChannel {
  readonly peer: PeerIdentity;
  readonly role: Role;
  suite: CipherSuite = 'aesgcm';
  epoch = 0;
  /** Set by a test that has one: see FakeRekeying. */
  rekeying?: ChannelRekeying;
  readonly handshakeHash: Uint8Array;
  validForMs = Infinity;
  /** Set by a test: the own static key was compromised meanwhile. */
  revoked = false;
  superseded = false;
  /** Set by a test: the seal of this number fails as a used-up key does. */
  failSealAt = Infinity;
  /** Set by a test: what `reverify()` finds. */
  reverifyError: MeshError | undefined;
  destroyed = false;
  sealed = 0;
  #opened = 0;

  constructor(role: Role, peerId: string, seed: Buffer) {
    const [trustDomain = '', serviceId = ''] = peerId.slice('spiffe://'.length).split('/');
    this.role = role;
    this.peer = { id: peerId, trustDomain, serviceId, publicKey: 'none', notAfter: Infinity };
    this.handshakeHash = seed;
  }

  seal(flags: number, parts: readonly Uint8Array[]): Buffer {
    this.#assertAlive();
    if (this.sealed >= this.failSealAt) {
      this.destroy();
      throw new MeshError('nonce_exhausted', 'the key is used up');
    }
    const plaintext = Buffer.concat(parts);
    if (plaintext.length > 256 * 1024) throw new RangeError(`a record of ${plaintext.length} bytes`);
    return Buffer.concat([Buffer.of(flags), plaintext, this.#tag(this.role, this.sealed++, flags, plaintext)]);
  }

  open(record: Uint8Array): Buffer {
    this.#assertAlive();
    const buffer = Buffer.from(record);
    const plaintext = buffer.subarray(1, Math.max(1, buffer.length - TAG_BYTES));
    const tag = this.#tag(this.role === 'initiator' ? 'responder' : 'initiator', this.#opened, buffer[0] ?? 0, plaintext);
    if (buffer.length < 1 + TAG_BYTES || !tag.equals(buffer.subarray(buffer.length - TAG_BYTES))) {
      this.destroy();
      throw new MeshError('record_invalid', 'a record was altered, repeated, or is out of order');
    }
    this.#opened++;
    return plaintext;
  }

  reverify(): MeshError | undefined {
    return this.reverifyError;
  }

  destroy(): void {
    this.destroyed = true;
  }

  #tag(sender: Role, counter: number, header: number, plaintext: Buffer): Buffer {
    const tag = Buffer.alloc(TAG_BYTES);
    tag.writeUInt32BE(crc32(Buffer.concat([this.handshakeHash, Buffer.from(`${sender} ${counter} ${header}`)])), 0);
    tag.writeUInt32BE(crc32(plaintext), 4);
    tag.writeUInt32BE(counter, 8);
    return tag;
  }

  #assertAlive(): void {
    if (this.destroyed) throw new MeshError('session_closed', 'the channel was destroyed');
  }
}

function parse(message: Uint8Array, type: number): { seed: Buffer; text: string } {
  const buffer = Buffer.from(message);
  if (buffer.length < 1 + SEED_BYTES || buffer[0] !== type) throw new MeshError('handshake_invalid', `not message ${type}`);
  return { seed: buffer.subarray(1, 1 + SEED_BYTES), text: buffer.toString('utf8', 1 + SEED_BYTES) };
}
