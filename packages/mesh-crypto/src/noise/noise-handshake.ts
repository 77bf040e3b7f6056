import { MeshError } from '@lemur-bookstores/mesh-interface';
import { primitivesFor } from '../primitives/primitives-for.js';
import { KEY_BYTES, TAG_BYTES, type CryptoPrimitives, type KeyPair } from '../primitives/primitives.js';
import { copySecret } from '../primitives/secret-memory.js';
import { CipherState, MAX_NOISE_MESSAGE_BYTES } from './cipher-state.js';
import { parseProtocolName, type NoiseProtocol, type NoiseToken } from './patterns.js';
import { SymmetricState } from './symmetric-state.js';

const EMPTY = Buffer.alloc(0);

/** Options of a {@link NoiseHandshake}. Keys are raw 32 bytes, or key pairs of the same primitives. */
export interface NoiseHandshakeOptions {
  /** E.g. `Noise_XXpsk3_25519_AESGCM_SHA256`: any pattern of rev 34; AESGCM or ChaChaPoly; SHA256, SHA512, BLAKE2s or BLAKE2b. */
  readonly protocolName: string;
  readonly role: 'initiator' | 'responder';
  /** Must be the same at both ends. Default: empty. */
  readonly prologue?: Uint8Array;
  /** The own private key, for patterns that use one. */
  readonly staticKey?: Uint8Array | KeyPair;
  /** For test vectors only: a private key to use in place of a fresh one. */
  readonly ephemeralKey?: Uint8Array | KeyPair;
  /** The peer's public key, for patterns that know it beforehand. */
  readonly remoteStaticKey?: Uint8Array;
  /** Pre-shared keys of 32 bytes, in the order of the pattern's psk modifiers. Copied. */
  readonly psks?: readonly Uint8Array[];
  /** Default: node's, or noble's where node lacks an algorithm of the protocol. */
  readonly primitives?: CryptoPrimitives;
}

/** The keys a finished handshake gives a channel (PROTOCOL 2.1): 32 bytes each, the receiver's to wipe. */
export interface HandshakeKeys {
  readonly send: Buffer;
  readonly receive: Buffer;
  /** rk of epoch 0: the third output of Noise's final HKDF. */
  readonly rekeySecret: Buffer;
}

/**
 * One Noise handshake (rev 34, section 5.3), of either side. The first failure ends it for good and wipes its keys.
 *
 * Errors: `invalid_option` (unknown protocol, missing or superfluous key), `invalid_key` (own key of a wrong size), and for
 * everything the peer or the order of calls can cause `handshake_invalid`.
 */
export class NoiseHandshake {
  readonly role: 'initiator' | 'responder';
  readonly #protocol: NoiseProtocol;
  readonly #primitives: CryptoPrimitives;
  readonly #symmetric: SymmetricState;
  readonly #psks: Buffer[];
  readonly #static: KeyPair | undefined;
  readonly #ownsStatic: boolean;
  #ephemeral: KeyPair | undefined;
  #remoteStatic: Buffer | undefined;
  #remoteEphemeral: Buffer | undefined;
  #next = 0;
  #phase: 'messages' | 'complete' | 'over' = 'messages';

  constructor(options: NoiseHandshakeOptions) {
    const protocol = parseProtocolName(options.protocolName);
    const primitives = options.primitives ?? primitivesFor(undefined, [protocol.aead, protocol.hash]);
    this.role = options.role;
    this.#protocol = protocol;
    this.#primitives = primitives;
    this.#checkKeys(options);
    this.#static = this.#keyPair(options.staticKey);
    this.#ownsStatic = options.staticKey instanceof Uint8Array;
    this.#ephemeral = this.#keyPair(options.ephemeralKey);
    this.#remoteStatic = options.remoteStaticKey === undefined ? undefined : Buffer.from(options.remoteStaticKey);
    this.#psks = (options.psks ?? []).map(copySecret);
    this.#symmetric = new SymmetricState(protocol.name, primitives.aead(protocol.aead), primitives.hash(protocol.hash));
    this.#symmetric.mixHash(options.prologue ?? EMPTY);
    protocol.preMessages.forEach((keys, side) => {
      const own = (side === 0) === (this.role === 'initiator');
      if (keys.includes('s')) this.#symmetric.mixHash((own ? this.#static?.publicKey : this.#remoteStatic) ?? EMPTY);
    });
  }

  /** Whether all handshake messages have passed. */
  get complete(): boolean {
    return this.#next === this.#protocol.messages.length;
  }

  /** `h`: unique to the session once {@link complete}; before, what has been hashed so far. 32 or 64 bytes, in a copy. */
  get handshakeHash(): Uint8Array {
    return this.#symmetric.handshakeHash;
  }

  /** The peer's static public key, as far as it is known. */
  get remoteStaticKey(): Uint8Array | undefined {
    return this.#remoteStatic;
  }

  /** Makes the next message. At most 65,535 bytes, payload included. */
  writeMessage(payload: Uint8Array): Uint8Array {
    return this.#step(true, (pattern) => {
      const pieces = pattern.map((token) => this.#writeToken(token));
      pieces.push(this.#symmetric.encryptAndHash(payload));
      const message = Buffer.concat(pieces);
      if (message.length > MAX_NOISE_MESSAGE_BYTES) throw new MeshError('handshake_invalid', 'a Noise message has at most 65,535 bytes');
      return message;
    });
  }

  /** Takes the peer's next message and returns its payload. */
  readMessage(message: Uint8Array): Uint8Array {
    return this.#step(false, (pattern) => {
      if (message.length > MAX_NOISE_MESSAGE_BYTES) throw new MeshError('handshake_invalid', 'a Noise message has at most 65,535 bytes');
      let rest = message;
      const take = (length: number): Uint8Array => {
        if (rest.length < length) throw new MeshError('handshake_invalid', 'the message is cut off');
        const piece = rest.subarray(0, length);
        rest = rest.subarray(length);
        return piece;
      };
      for (const token of pattern) this.#readToken(token, take);
      return this.#symmetric.decryptAndHash(rest);
    });
  }

  /** The transport ciphers of a finished handshake. Once. In one-way patterns the responder's `send` is unusable. */
  split(): { send: CipherState; receive: CipherState } {
    const keys = this.splitKeys();
    const aead = this.#primitives.aead(this.#protocol.aead);
    const send = new CipherState(aead, keys.send);
    const receive = new CipherState(aead, keys.receive);
    for (const key of [keys.send, keys.receive, keys.rekeySecret]) key.fill(0);
    if (this.#protocol.oneWay) (this.role === 'initiator' ? receive : send).destroy();
    return { send, receive };
  }

  /** In place of {@link split}, for a channel that rekeys: the raw keys, and the secret that seeds the first rekey. Once. */
  splitKeys(): HandshakeKeys {
    if (this.#phase !== 'complete') throw new MeshError('handshake_invalid', 'not complete, or split before');
    this.#phase = 'over';
    const [first, second, rekeySecret] = this.#symmetric.split();
    return this.role === 'initiator' ? { send: first, receive: second, rekeySecret } : { send: second, receive: first, rekeySecret };
  }

  /** Ends it and wipes its keys. A static key that came as a {@link KeyPair} stays the caller's. Safe to call twice. */
  destroy(): void {
    this.#phase = 'over';
    this.#symmetric.destroy();
    this.#dropKeys();
  }

  #step(writing: boolean, process: (pattern: readonly NoiseToken[]) => Uint8Array): Uint8Array {
    const pattern = this.#protocol.messages[this.#next];
    const ownTurn = (this.#next % 2 === 0) === (this.role === 'initiator');
    if (this.#phase !== 'messages' || pattern === undefined) throw new MeshError('handshake_invalid', 'the handshake is over');
    if (writing !== ownTurn) throw new MeshError('handshake_invalid', 'a message out of turn');
    try {
      const result = process(pattern);
      this.#next++;
      if (this.complete) {
        this.#phase = 'complete';
        this.#dropKeys();
      }
      return result;
    } catch (error) {
      this.destroy();
      if (MeshError.is(error) && error.reason === 'handshake_invalid') throw error;
      throw new MeshError('handshake_invalid', 'a message of the handshake was refused', { cause: error });
    }
  }

  #writeToken(token: NoiseToken): Uint8Array {
    switch (token) {
      case 'e': {
        this.#ephemeral ??= this.#primitives.generateKeyPair();
        this.#mixEphemeral(this.#ephemeral.publicKey);
        return this.#ephemeral.publicKey;
      }
      case 's':
        return this.#symmetric.encryptAndHash(present(this.#static).publicKey);
      default:
        this.#mixSecret(token);
        return EMPTY;
    }
  }

  #readToken(token: NoiseToken, take: (length: number) => Uint8Array): void {
    switch (token) {
      case 'e':
        this.#remoteEphemeral = Buffer.from(take(KEY_BYTES));
        return this.#mixEphemeral(this.#remoteEphemeral);
      case 's':
        this.#remoteStatic = Buffer.from(this.#symmetric.decryptAndHash(take(KEY_BYTES + (this.#symmetric.hasKey ? TAG_BYTES : 0))));
        return;
      default:
        this.#mixSecret(token);
    }
  }

  #mixEphemeral(publicKey: Uint8Array): void {
    this.#symmetric.mixHash(publicKey);
    // With a psk the ephemeral keys randomise it (rev 34, section 9.2).
    if (this.#protocol.pskCount > 0) this.#symmetric.mixKey(publicKey);
  }

  #mixSecret(token: Exclude<NoiseToken, 'e' | 's'>): void {
    if (token === 'psk') {
      const psk = present(this.#psks.shift());
      this.#symmetric.mixKeyAndHash(psk);
      psk.fill(0);
      return;
    }
    // The first letter names the initiator's key, the second the responder's.
    const [own, theirs] = this.role === 'initiator' ? [token[0], token[1]] : [token[1], token[0]];
    const ownPair = present(own === 'e' ? this.#ephemeral : this.#static);
    const secret = ownPair.dh(present(theirs === 'e' ? this.#remoteEphemeral : this.#remoteStatic));
    this.#symmetric.mixKey(secret);
    secret.fill(0);
  }

  #dropKeys(): void {
    this.#ephemeral?.destroy();
    if (this.#ownsStatic) this.#static?.destroy();
    for (const psk of this.#psks) psk.fill(0);
  }

  #keyPair(key: Uint8Array | KeyPair | undefined): KeyPair | undefined {
    return key instanceof Uint8Array ? this.#primitives.importKeyPair(key) : key;
  }

  #checkKeys(options: NoiseHandshakeOptions): void {
    const { preMessages, messages, pskCount } = this.#protocol;
    const side = this.role === 'initiator' ? 0 : 1;
    const sends = messages.some((pattern, index) => index % 2 === side && pattern.includes('s'));
    const needs = { staticKey: sends || preMessages[side].includes('s'), remoteStaticKey: preMessages[1 - side]?.includes('s') === true };
    if (needs.staticKey && options.staticKey === undefined) throw new MeshError('invalid_option', 'staticKey: this pattern needs it');
    if (needs.remoteStaticKey !== (options.remoteStaticKey !== undefined)) {
      throw new MeshError('invalid_option', `remoteStaticKey: this pattern ${needs.remoteStaticKey ? 'needs it' : 'transmits it'}`);
    }
    const psks = options.psks ?? [];
    if (psks.length !== pskCount) throw new MeshError('invalid_option', `psks: this pattern needs ${pskCount}, not ${psks.length}`);
    for (const key of [options.remoteStaticKey, ...psks]) {
      if (key !== undefined && key.length !== KEY_BYTES) throw new MeshError('invalid_key', `a key of ${key.length} bytes`);
    }
  }
}

/** Keys the pattern calls for are there: the constructor and the order of the tokens see to it. */
function present<T>(value: T | undefined): T {
  if (value === undefined) throw new MeshError('handshake_invalid', 'a key is missing');
  return value;
}
