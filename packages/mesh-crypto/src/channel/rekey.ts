import { MeshError, type RekeyTrigger } from '@lemur-bookstores/mesh-interface';
import type { CryptoPrimitives, HashFunction, KeyPair } from '../primitives/primitives.js';
import type { ControlMessage } from './control-message.js';
import { deriveEpoch, keyIdOf, type EpochSecrets, type RekeyTranscript } from './key-schedule.js';

/** Epochs are u32 (PROTOCOL 3.6). */
export const LAST_EPOCH = 2 ** 32 - 1;

/** Where a rekey stands. */
export type RekeyState =
  | { readonly name: 'idle' }
  /** Dialler: one is to begin, but the last began too short a time ago. */
  | { readonly name: 'waiting'; readonly trigger: RekeyTrigger }
  /** Dialler: INIT is sent, RESP is awaited. */
  | { readonly name: 'initiated'; readonly trigger: RekeyTrigger; readonly keyPair: KeyPair }
  /** Acceptor: REQUEST is sent, INIT is awaited. */
  | { readonly name: 'asked'; readonly trigger: RekeyTrigger }
  /** Acceptor: INIT came, but the last RESP was too short a time ago (PROTOCOL 3.7). */
  | { readonly name: 'held'; readonly trigger: RekeyTrigger; readonly theirKey: Uint8Array }
  /** Acceptor: RESP is sent, DONE is awaited. */
  | { readonly name: 'answered'; readonly trigger: RekeyTrigger }
  | { readonly name: 'over' };

/** What a rekey asks of the channel, one after the other. */
export type RekeyEffect =
  /** Seal this under the sending key of the moment; write it once all effects are done. */
  | { readonly type: 'send'; readonly message: ControlMessage }
  /** Keys of the next epoch, the channel's to wipe; not in use before the switches. */
  | { readonly type: 'derived'; readonly epoch: number; readonly keyId: string; readonly send: Buffer; readonly receive: Buffer }
  /** The next epoch's key takes over; wipe the one before. */
  | { readonly type: 'switch'; readonly direction: 'send' | 'receive' }
  /** Both ends have the new epoch, and the keys of the one before are wiped. */
  | { readonly type: 'rotated'; readonly trigger: RekeyTrigger }
  /** Call `proceed` after so many ms. */
  | { readonly type: 'wait'; readonly ms: number }
  /** There is no further epoch: the session has to be replaced (PROTOCOL 3.6). */
  | { readonly type: 'exhausted'; readonly trigger: RekeyTrigger };

/** Under which of the receiver's keys a control message came. */
export type ReceivingKey = 'present' | 'next';

export interface RekeyOptions {
  readonly role: 'initiator' | 'responder';
  readonly primitives: CryptoPrimitives;
  readonly handshakeHash: Uint8Array;
  /** rk of the present epoch; taken over. */
  readonly rekeySecret: Buffer;
  /** Shortest time between two INITs, or two RESPs, in ms. */
  readonly minIntervalMs: number;
  /** For tests: the present epoch. Default 0. */
  readonly epoch?: number;
}

const NOTHING: readonly RekeyEffect[] = [];

/**
 * The rekey of one end (PROTOCOL 3), without timers and sockets: takes commands and control messages, gives effects. The first violation
 * is an error, after which the channel must be destroyed, and this with it.
 */
export class Rekey {
  readonly role: 'initiator' | 'responder';
  readonly #primitives: CryptoPrimitives;
  readonly #hash: HashFunction;
  readonly #handshakeHash: Uint8Array;
  readonly #minIntervalMs: number;
  #secret: Buffer;
  #epoch: number;
  #notBefore = -Infinity;
  #state: RekeyState = { name: 'idle' };

  constructor(options: RekeyOptions) {
    this.role = options.role;
    this.#primitives = options.primitives;
    this.#hash = options.primitives.hash('SHA256');
    this.#handshakeHash = options.handshakeHash;
    this.#secret = options.rekeySecret;
    this.#minIntervalMs = options.minIntervalMs;
    this.#epoch = options.epoch ?? 0;
  }

  get state(): RekeyState['name'] {
    return this.#state.name;
  }

  /** Of the rekey that is under way. */
  get trigger(): RekeyTrigger | undefined {
    return 'trigger' in this.#state ? this.#state.trigger : undefined;
  }

  /** Whether the next step is the peer's. */
  get awaitsPeer(): boolean {
    const { name } = this.#state;
    return name === 'initiated' || name === 'asked' || name === 'answered';
  }

  /** Begins a rekey (dialler) or asks for one (acceptor). While one is under way nothing happens. @param now monotonic, in ms */
  start(trigger: RekeyTrigger, now: number): readonly RekeyEffect[] {
    if (this.#state.name !== 'idle') return NOTHING;
    if (this.#epoch === LAST_EPOCH) return [{ type: 'exhausted', trigger }];
    if (this.role === 'responder') {
      this.#state = { name: 'asked', trigger };
      return [{ type: 'send', message: { type: 'request' } }];
    }
    if (now >= this.#notBefore) return this.#initiate(trigger, now);
    this.#state = { name: 'waiting', trigger };
    return [{ type: 'wait', ms: this.#notBefore - now }];
  }

  /** The wait is over. */
  proceed(now: number): readonly RekeyEffect[] {
    const state = this.#state;
    if (state.name === 'waiting') return this.#initiate(state.trigger, now);
    if (state.name === 'held') return this.#answer(state.trigger, state.theirKey, now);
    return NOTHING;
  }

  /** The session is about to end: a rekey that has not begun does not begin, unless the peer wants it (PROTOCOL 3.8). */
  drain(): void {
    if (this.#state.name === 'waiting' && this.#state.trigger !== 'peer') this.#state = { name: 'idle' };
  }

  /**
   * Takes a control message.
   * @throws MeshError `protocol_violation`
   */
  receive(message: ControlMessage, key: ReceivingKey, now: number): readonly RekeyEffect[] {
    const state = this.#state;
    switch (message.type) {
      case 'request':
        // Crossed our INIT, or comes again: a rekey is pending (PROTOCOL 3.1). `start` sees to it.
        if (this.role === 'initiator') return this.start('peer', now);
        break;
      case 'init':
        if (this.role === 'initiator' || key !== 'present' || (state.name !== 'idle' && state.name !== 'asked')) break;
        this.#checkEpoch(message.epoch);
        return this.#onInit(state.name === 'asked' ? state.trigger : 'peer', message.publicKey, now);
      case 'response':
        if (state.name !== 'initiated') break;
        this.#checkEpoch(message.epoch);
        return this.#onResponse(state.trigger, state.keyPair, message.publicKey);
      case 'done':
        if (state.name !== 'answered' || key !== 'next') break;
        this.#state = { name: 'idle' };
        return [{ type: 'switch', direction: 'receive' }, { type: 'rotated', trigger: state.trigger }];
    }
    throw new MeshError('protocol_violation', `the peer sent ${message.type} to ${this.role === 'initiator' ? 'its dialler' : 'its acceptor'} while the rekey was ${state.name}`);
  }

  /** Wipes rk and forgets a fresh key. Safe to call twice. */
  destroy(): void {
    if (this.#state.name === 'initiated') this.#state.keyPair.destroy();
    this.#state = { name: 'over' };
    this.#secret.fill(0);
  }

  #initiate(trigger: RekeyTrigger, now: number): readonly RekeyEffect[] {
    const keyPair = this.#primitives.generateKeyPair();
    this.#state = { name: 'initiated', trigger, keyPair };
    this.#notBefore = now + this.#minIntervalMs;
    return [{ type: 'send', message: { type: 'init', epoch: this.#epoch + 1, publicKey: keyPair.publicKey } }];
  }

  #onInit(trigger: RekeyTrigger, theirKey: Uint8Array, now: number): readonly RekeyEffect[] {
    if (now >= this.#notBefore) return this.#answer(trigger, theirKey, now);
    this.#state = { name: 'held', trigger, theirKey };
    return [{ type: 'wait', ms: this.#notBefore - now }];
  }

  #answer(trigger: RekeyTrigger, theirKey: Uint8Array, now: number): readonly RekeyEffect[] {
    const keyPair = this.#primitives.generateKeyPair();
    const { publicKey } = keyPair;
    const derived = this.#derive(keyPair, theirKey);
    this.#state = { name: 'answered', trigger };
    this.#notBefore = now + this.#minIntervalMs;
    // RESP goes out under the old key and is the last record to do so (PROTOCOL 3.3).
    return [derived, { type: 'send', message: { type: 'response', epoch: this.#epoch, publicKey } }, { type: 'switch', direction: 'send' }];
  }

  #onResponse(trigger: RekeyTrigger, keyPair: KeyPair, theirKey: Uint8Array): readonly RekeyEffect[] {
    const derived = this.#derive(keyPair, theirKey);
    this.#state = { name: 'idle' };
    return [
      derived,
      { type: 'switch', direction: 'send' },
      { type: 'switch', direction: 'receive' },
      { type: 'send', message: { type: 'done' } },
      { type: 'rotated', trigger },
    ];
  }

  /** PROTOCOL 3.3: the next epoch's keys; rk, the shared secret and the own fresh key are gone afterwards. */
  #derive(keyPair: KeyPair, theirKey: Uint8Array): RekeyEffect {
    const initiator = this.role === 'initiator';
    const epoch = this.#epoch + 1;
    const [initiatorKey, responderKey] = initiator ? [keyPair.publicKey, theirKey] : [theirKey, keyPair.publicKey];
    const transcript = { handshakeHash: this.#handshakeHash, epoch, initiatorKey, responderKey };
    const sharedSecret = exchange(keyPair, theirKey);
    const { rekeySecret, initiatorToResponder, responderToInitiator } = this.#deriveFrom(sharedSecret, transcript);
    this.#secret.fill(0);
    this.#secret = rekeySecret;
    this.#epoch = epoch;
    const [send, receive] = initiator ? [initiatorToResponder, responderToInitiator] : [responderToInitiator, initiatorToResponder];
    return { type: 'derived', epoch, keyId: keyIdOf(this.#hash, transcript), send, receive };
  }

  #deriveFrom(sharedSecret: Buffer, transcript: RekeyTranscript): EpochSecrets {
    try {
      return deriveEpoch(this.#hash, this.#secret, sharedSecret, transcript);
    } finally {
      sharedSecret.fill(0);
    }
  }

  #checkEpoch(epoch: number): void {
    if (epoch !== this.#epoch + 1) throw new MeshError('protocol_violation', `a rekey to epoch ${epoch} in epoch ${this.#epoch}`);
  }
}

/** An all-zero result ends the session (PROTOCOL 3.3): both primitives refuse keys of low order. The key pair is used up either way. */
function exchange(keyPair: KeyPair, theirKey: Uint8Array): Buffer {
  try {
    return keyPair.dh(theirKey);
  } catch (error) {
    throw new MeshError('protocol_violation', 'the peer sent a key of low order in a rekey', { cause: error });
  } finally {
    keyPair.destroy();
  }
}
