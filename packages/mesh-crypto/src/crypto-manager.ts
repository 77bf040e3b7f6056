import {
  MeshError,
  stderrLogger,
  systemClock,
  type ChannelFactory,
  type ChannelHandshake,
  type CipherSuite,
  type Clock,
  type ExpectedPeer,
  type IdentityChange,
  type IdentityFiles,
  type IdentityMaterial,
  type IdentitySource,
  type Logger,
  type SessionOwner,
} from '@lemur-bookstores/mesh-interface';
import { certificateStateOf, ExpiryWatch, type CertificateState } from './certificate-expiry.js';
import { InitiatorHandshake, ResponderHandshake, type ChannelHandshakeOptions } from './channel/channel-handshake.js';
import { cryptoperiodOf, type Cryptoperiod } from './channel/cryptoperiod.js';
import { cryptoOptionProblems, SERVICE_ID, type CryptoManagerOptions } from './crypto-manager-options.js';
import { callListener } from './identity/call-listener.js';
import { identityFilesSource } from './identity/identity-files.js';
import { checkIdentity, sameTrust, warnOfForeignId, type OwnIdentity } from './own-identity.js';
import { nodePrimitives } from './primitives/node-primitives.js';
import { noblePrimitives } from './primitives/noble-primitives.js';
import { primitivesFor } from './primitives/primitives-for.js';
import type { CryptoPrimitives } from './primitives/primitives.js';
import { selfTest } from './self-test.js';
import { SessionOwners } from './session-owners.js';
import { StaticKeyRotations } from './static-key-rotations.js';
import { StaticKeys } from './static-keys.js';

type State =
  | { readonly name: 'idle' | 'closed' }
  | { readonly name: 'loading'; readonly loaded: Promise<void> }
  | { readonly name: 'ready'; readonly identity: OwnIdentity; readonly staticKeys: StaticKeys; readonly endWatch: () => void };

/**
 * Makes handshakes with the own identity. It loads lazily and once, follows its identity source (handshakes under way keep what they
 * began with), and holds one X25519 static key at a time, which {@link KeyRotation} replaces.
 *
 * Errors: `invalid_option` from the constructor, `not_initialized` and `mesh_closed` from what needs a loaded identity.
 */
export class CryptoManager implements ChannelFactory {
  readonly serviceId: string;
  readonly suite: CipherSuite;
  readonly primitives: CryptoPrimitives;
  /** Of the keys of all sessions. */
  readonly cryptoperiod: Cryptoperiod;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whoever has live sessions of this manager. */
  readonly owners: SessionOwners;
  /** How its static key is replaced. */
  readonly rotations: StaticKeyRotations;
  readonly #source: IdentitySource | IdentityFiles | undefined;
  readonly #skewMs: number;
  readonly #listeners = new Set<(change: IdentityChange) => void>();
  readonly #expiry: ExpiryWatch;
  /** One for all channels: each keeps it for as long as it lives. */
  readonly #presentIdentity = (): IdentityMaterial => this.identity;
  #state: State = { name: 'idle' };

  constructor(options: CryptoManagerOptions) {
    const { serviceId, identity, primitives, suite = 'aesgcm', clockSkewMs = 60_000, rotation } = options;
    const problems = cryptoOptionProblems(options);
    if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
    this.serviceId = serviceId;
    this.suite = suite;
    this.primitives = primitivesFor(primitives, ['AESGCM', 'ChaChaPoly', 'SHA256']);
    this.cryptoperiod = cryptoperiodOf(rotation);
    this.#source = identity;
    this.#skewMs = clockSkewMs;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? stderrLogger;
    this.#expiry = new ExpiryWatch(this.clock, this.logger);
    this.owners = new SessionOwners(this.clock, this.logger);
    this.rotations = new StaticKeyRotations(() => this.#ready().staticKeys, this.clock);
  }

  /**
   * Loads the identity and makes the static key; once, however often it is called. After a failure the next call tries again.
   * @throws MeshError `identity_required`, `identity_invalid`, `mesh_closed`, or what the identity source rejects with
   */
  load(): Promise<void> {
    switch (this.#state.name) {
      case 'ready':
        return Promise.resolve();
      case 'loading':
        return this.#state.loaded;
      case 'closed':
        return Promise.reject(new MeshError('mesh_closed', 'the crypto manager was closed'));
      case 'idle': {
        const loaded = this.#load().catch((error: unknown) => {
          if (this.#state.name === 'loading') this.#state = { name: 'idle' };
          throw error;
        });
        this.#state = { name: 'loading', loaded };
        return loaded;
      }
    }
  }

  /** The own SPIFFE id. */
  get id(): string {
    return this.identity.id;
  }

  /** What new handshakes prove themselves with. */
  get identity(): IdentityMaterial {
    return this.#ready().identity.material;
  }

  /** End of the own leaf's validity, ms since 1970. */
  get notAfter(): number {
    return this.#ready().identity.notAfter;
  }

  /** Whether the own certificate is about to end; the log says it too, once at 20 % of its life and once at the end. */
  certificateState(): CertificateState {
    return certificateStateOf(this.#ready().identity, this.clock.now());
  }

  /** Names the static key of new handshakes: 32 hex digits of a hash of its public half. */
  get staticKeyId(): string {
    return this.rotations.present.keyId;
  }

  /** From now on each rotation gives this owner's sessions new keys, too. Returns the function that ends it. */
  ownSessions(owner: SessionOwner): () => void {
    return this.owners.add(owner);
  }

  /** @throws MeshError `invalid_option` for an id that is none */
  dial(expected: ExpectedPeer): ChannelHandshake {
    if (!SERVICE_ID.test(expected.serviceId)) throw new MeshError('invalid_option', 'serviceId: not the id of a service');
    return new InitiatorHandshake({ ...this.#handshakeOptions(), suite: this.suite, expected });
  }

  accept(pinsOf?: (spiffeId: string) => readonly string[] | undefined): ChannelHandshake {
    return new ResponderHandshake({ ...this.#handshakeOptions(), ...(pinsOf === undefined ? {} : { pinsOf }) });
  }

  /**
   * Calls `listener` with every change: a new identity that is in use from then on, or a replacement that was refused. What it throws,
   * or rejects with, is logged. Returns the function that ends it.
   */
  onIdentityChange(listener: (change: IdentityChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Checks both implementations against published answers and each other, without loading anything. Takes a few ms.
   * @throws MeshError `self_test_failed`
   */
  selfTest(): void {
    selfTest(nodePrimitives, noblePrimitives);
  }

  /** Forgets identity and static key and ends the watch. Channels that are there live on. Safe to call twice. */
  close(): void {
    const state = this.#state;
    this.#state = { name: 'closed' };
    this.#listeners.clear();
    this.#expiry.stop();
    if (state.name !== 'ready') return;
    state.endWatch();
    state.staticKeys.destroy();
  }

  async #load(): Promise<void> {
    if (this.#source === undefined) throw new MeshError('identity_required', 'identity: give certificate files, or a source');
    const watching = { clock: this.clock, logger: this.logger, clockSkewMs: this.#skewMs };
    const source = 'load' in this.#source ? this.#source : identityFilesSource(this.#source, watching);
    const identity = checkIdentity(await source.load());
    if (this.#state.name === 'closed') throw new MeshError('mesh_closed', 'closed while the identity was loading');
    this.#follow(source, identity);
    warnOfForeignId(identity, this.serviceId, this.logger);
  }

  /** Ready before the watch begins: it may tell of something at once. */
  #follow(source: IdentitySource, identity: OwnIdentity): void {
    const staticKeys = new StaticKeys(this.primitives, this.clock);
    this.#state = { name: 'ready', identity, staticKeys, endWatch: () => undefined };
    try {
      const endWatch = source.watch?.((next) => this.#replace(next), (error) => this.#refuse(error));
      if (endWatch !== undefined) this.#state = { ...this.#state, endWatch };
    } catch (error) {
      this.#state = { name: 'idle' };
      staticKeys.destroy();
      throw error;
    }
    // After the source's own timers: one that renews by the clock gets the first look after a jump.
    this.#expiry.follow(this.#ready().identity);
  }

  #replace(material: IdentityMaterial): void {
    if (this.#state.name !== 'ready') return;
    let identity: OwnIdentity;
    try {
      if (material.id !== this.id) throw new MeshError('identity_invalid', `the id changed to ${material.id}`);
      identity = checkIdentity(material);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    const trustChanged = !sameTrust(this.#state.identity, identity);
    this.#state = { ...this.#state, identity };
    this.#expiry.follow(identity);
    this.#tell({ type: 'changed', id: material.id, notAfter: identity.notAfter, trustChanged });
  }

  #refuse(cause: unknown): void {
    if (this.#state.name !== 'ready') return;
    const error = MeshError.from(cause);
    this.logger.warn('a new identity was refused, the last good one stays', { reason: error.message });
    this.#tell({ type: 'refused', error });
  }

  #tell(change: IdentityChange): void {
    const failed = (error: unknown): void => this.logger.error('a listener for identity changes failed', { reason: MeshError.from(error).message });
    for (const listener of [...this.#listeners]) callListener(() => listener(change), failed);
  }

  #handshakeOptions(): ChannelHandshakeOptions {
    const { identity, staticKeys } = this.#ready();
    const staticKeyUse = staticKeys.use();
    return {
      identity: identity.material,
      notAfter: identity.notAfter,
      presentIdentity: this.#presentIdentity,
      staticKey: staticKeyUse.pair,
      staticKeyUse,
      primitives: this.primitives,
      cryptoperiod: this.cryptoperiod,
      clock: this.clock,
      skewMs: this.#skewMs,
    };
  }

  #ready(): Extract<State, { name: 'ready' }> {
    if (this.#state.name === 'ready') return this.#state;
    if (this.#state.name === 'closed') throw new MeshError('mesh_closed', 'the crypto manager was closed');
    throw new MeshError('not_initialized', 'load() first');
  }
}
