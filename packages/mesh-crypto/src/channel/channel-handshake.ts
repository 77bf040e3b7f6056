import {
  MeshError,
  type ChannelHandshake,
  type CipherSuite,
  type HandshakeStep,
  type SecureChannel,
} from '@lemur-bookstores/mesh-interface';
import { NoiseHandshake } from '../noise/noise-handshake.js';
import type { CryptoPrimitives, KeyPair } from '../primitives/primitives.js';
import { CIPHER_SUITES, cipherSuiteOf, prologueOf, PROTOCOL_VERSION } from './cipher-suites.js';
import type { Cryptoperiod } from './cryptoperiod.js';
import { MAX_HANDSHAKE_MESSAGE_BYTES } from './handshake-payload.js';
import { proveIdentity, verifyIdentity, type PeerPolicy, type ProvenPeer } from './identity-proof.js';
import { NoiseChannel } from './noise-channel.js';

const EMPTY = Buffer.alloc(0);

/** Version and suite, then an ephemeral key. */
const FIRST_MESSAGE_BYTES = 2 + 32;

/** What both sides of a handshake need. */
export interface ChannelHandshakeOptions extends PeerPolicy {
  readonly primitives: CryptoPrimitives;
  /** The process's own; stays the caller's. */
  readonly staticKey: KeyPair;
  /** Where it may be replaced meanwhile: told when the handshake is over, asked whether the key still counts. */
  readonly staticKeyUse?: { readonly revoked: boolean; readonly superseded: boolean; isOwn(publicKey: Uint8Array): boolean; end(): void };
  /** End of the own leaf's validity, ms since 1970. Default: never. */
  readonly notAfter?: number;
  /** Of the channel's keys. Default: what no rotation options give. */
  readonly cryptoperiod?: Cryptoperiod;
}

/** Common to both sides: the Noise handshake, and that the first failure is the last. */
abstract class NoiseChannelHandshake implements ChannelHandshake {
  abstract readonly role: 'initiator' | 'responder';
  protected readonly options: ChannelHandshakeOptions;
  #noise: NoiseHandshake | undefined;
  #over = false;

  constructor(options: ChannelHandshakeOptions) {
    this.options = options;
  }

  abstract start(): Uint8Array | undefined;

  receive(message: Uint8Array): HandshakeStep {
    if (this.#over) throw new MeshError('handshake_invalid', 'the handshake is over');
    try {
      if (this.options.staticKeyUse?.revoked === true) throw new MeshError('session_closed', 'the handshake was ended: the own static key is destroyed, dial again');
      if (message.length > MAX_HANDSHAKE_MESSAGE_BYTES) throw new MeshError('handshake_invalid', `a message of ${message.length} bytes`);
      return this.process(message);
    } catch (error) {
      this.destroy();
      throw MeshError.from(error, 'handshake_invalid');
    }
  }

  destroy(): void {
    this.#over = true;
    this.options.staticKeyUse?.end();
    this.#noise?.destroy();
  }

  protected abstract process(message: Uint8Array): HandshakeStep;

  protected begin(suite: CipherSuite): NoiseHandshake {
    if (this.#noise !== undefined || this.#over) throw new MeshError('handshake_invalid', 'the handshake was started before');
    const { primitives, staticKey } = this.options;
    const { protocolName } = CIPHER_SUITES[suite];
    this.#noise = new NoiseHandshake({ protocolName, role: this.role, prologue: prologueOf(suite), staticKey, primitives });
    return this.#noise;
  }

  /** Noise message 2 or 3, with the proof of the own identity. */
  protected writeProof(noise: NoiseHandshake, peerId: string): Uint8Array {
    const { handshakeHash } = noise;
    const staticKey = this.options.staticKey.publicKey;
    return noise.writeMessage(proveIdentity(this.options.identity, { role: this.role, handshakeHash, staticKey, peerId }));
  }

  /** Reads Noise message 2 or 3 and checks the peer's proof. */
  protected readProof(noise: NoiseHandshake, message: Uint8Array, peerId: string): ProvenPeer {
    const { handshakeHash } = noise;
    const payload = noise.readMessage(message);
    const staticKey = noise.remoteStaticKey ?? EMPTY;
    // Replicas share an id, but never a static key (PROTOCOL 1.6).
    if (Buffer.compare(staticKey, this.options.staticKey.publicKey) === 0 || this.options.staticKeyUse?.isOwn(staticKey) === true) {
      throw new MeshError('reflected_handshake', 'the peer shows our own static key');
    }
    const role = this.role === 'initiator' ? 'responder' : 'initiator';
    return verifyIdentity(payload, { role, handshakeHash, staticKey, peerId }, this.options);
  }

  protected finish(noise: NoiseHandshake, suite: CipherSuite, peer: ProvenPeer): SecureChannel {
    this.#over = true;
    const { primitives, clock, cryptoperiod, skewMs, staticKeyUse, notAfter = Infinity } = this.options;
    const { handshakeHash } = noise;
    staticKeyUse?.end();
    return new NoiseChannel({
      role: this.role,
      suite,
      peer: peer.identity,
      reverify: peer.reverify,
      staticKeyUse,
      // As certificates are checked, so that a peer whose clock is behind gets a session at all.
      validForMs: Math.max(0, Math.min(notAfter, peer.identity.notAfter) + skewMs - clock.now()),
      handshakeHash,
      primitives,
      keys: noise.splitKeys(),
      clock,
      ...(cryptoperiod === undefined ? {} : { cryptoperiod }),
    });
  }
}

/** The dialling side (PROTOCOL 1): knows whom it wants, and proves itself only to that peer. */
export class InitiatorHandshake extends NoiseChannelHandshake {
  readonly role = 'initiator';
  readonly #suite: CipherSuite;
  #started: NoiseHandshake | undefined;

  constructor(options: ChannelHandshakeOptions & { readonly suite: CipherSuite }) {
    super(options);
    this.#suite = options.suite;
  }

  start(): Uint8Array {
    this.#started = this.begin(this.#suite);
    return Buffer.concat([Uint8Array.of(PROTOCOL_VERSION, CIPHER_SUITES[this.#suite].id), this.#started.writeMessage(EMPTY)]);
  }

  protected process(message: Uint8Array): HandshakeStep {
    const noise = this.#started;
    if (noise === undefined) throw new MeshError('handshake_invalid', 'a message before the handshake was started');
    // All checks come before message 3: it would tell an impostor who we are (PROTOCOL 1.3).
    const peer = this.readProof(noise, message, '');
    const reply = this.writeProof(noise, peer.identity.id);
    return { reply, channel: this.finish(noise, this.#suite, peer) };
  }
}

/**
 * The accepting side (PROTOCOL 1). Takes either suite: the initiator's configuration decides, the prologue authenticates it, and both
 * are equally strong, so that there is nothing to downgrade to.
 */
export class ResponderHandshake extends NoiseChannelHandshake {
  readonly role = 'responder';
  #answered: { readonly noise: NoiseHandshake; readonly suite: CipherSuite } | undefined;

  start(): undefined {
    return undefined;
  }

  protected process(message: Uint8Array): HandshakeStep {
    if (this.#answered === undefined) return { reply: this.#answer(message) };
    const { noise, suite } = this.#answered;
    const peer = this.readProof(noise, message, this.options.identity.id);
    return { channel: this.finish(noise, suite, peer) };
  }

  #answer(message: Uint8Array): Uint8Array {
    const suite = cipherSuiteOf(message[1]);
    if (message[0] !== PROTOCOL_VERSION || suite === undefined) {
      throw new MeshError('unsupported_protocol', `version ${message[0]}, suite ${message[1]}`);
    }
    if (message.length !== FIRST_MESSAGE_BYTES) throw new MeshError('handshake_invalid', `a first message of ${message.length} bytes`);
    const noise = this.begin(suite);
    noise.readMessage(message.subarray(2));
    this.#answered = { noise, suite };
    return this.writeProof(noise, '');
  }
}
