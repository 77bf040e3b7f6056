import type { Clock, ClockTimer } from '@lemur-bookstores/mesh-interface';
import { staticKeyIdOf } from './key-ids.js';
import type { CryptoPrimitives, KeyPair } from './primitives/primitives.js';

/** Longer than any handshake may take (PROTOCOL 5), in ms: then a key that was replaced is destroyed, whoever still has it. */
const HANDSHAKES_END_MS = 10_000;

/** What may be known of a static key. */
export interface StaticKeyState {
  /** 32 hex digits of a hash of its public half. */
  readonly keyId: string;
  /** When it came into use, ms since 1970. */
  readonly activatedAt: number;
  /** For how long it has been in use, in ms, by the monotonic clock. */
  readonly ageMs: number;
}

/** What one handshake holds of a static key. */
export interface StaticKeyUse {
  readonly pair: KeyPair;
  /** A compromise came after it was taken, also where the handshake is over: whatever that proves, it proves nothing. */
  readonly revoked: boolean;
  /** New handshakes have another one. */
  readonly superseded: boolean;
  /** Whether a public key is the own one, or was until a moment ago: another handshake under way may have it. */
  isOwn(publicKey: Uint8Array): boolean;
  /** The handshake is over. Safe to call twice. */
  end(): void;
}

/** A static key that was made and is not in use yet. */
export interface NewStaticKey {
  readonly keyId: string;
  /** It is not wanted any more; does nothing once it is in use. */
  discard(): void;
}

/** A key pair with its name, and how many handshakes hold it. */
class StaticKey implements NewStaticKey {
  readonly keyId: string;
  readonly pair: KeyPair;
  activatedAt = 0;
  activatedMonotonic = 0;
  state: 'made' | 'in use' | 'replaced' | 'destroyed' = 'made';
  #users = 0;
  #timer: ClockTimer | undefined;

  constructor(pair: KeyPair) {
    this.pair = pair;
    this.keyId = staticKeyIdOf(pair.publicKey);
  }

  activate(clock: Clock): void {
    this.state = 'in use';
    this.activatedAt = clock.now();
    this.activatedMonotonic = clock.monotonic();
  }

  use(isOwn: (publicKey: Uint8Array) => boolean, isRevoked: () => boolean): StaticKeyUse {
    this.#users++;
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      this.#users--;
      if (this.state === 'replaced' && this.#users === 0) this.destroy();
    };
    const isSuperseded = (): boolean => this.state !== 'in use';
    return { pair: this.pair, end, isOwn, get revoked() { return isRevoked(); }, get superseded() { return isSuperseded(); } };
  }

  /** Handshakes under way may end with it; new ones do not get it. */
  replace(clock: Clock): void {
    this.state = 'replaced';
    if (this.#users === 0) this.destroy();
    else this.#timer = clock.setTimeout(() => this.destroy(), HANDSHAKES_END_MS);
  }

  destroy(): void {
    this.state = 'destroyed';
    this.#timer?.cancel();
    this.pair.destroy();
  }

  discard(): void {
    if (this.state === 'made') this.destroy();
  }
}

/** The X25519 key pair of all new handshakes, and those before it for as long as a handshake needs them. */
export class StaticKeys {
  readonly #primitives: CryptoPrimitives;
  readonly #clock: Clock;
  readonly #replaced = new Set<StaticKey>();
  readonly #isOwn = (publicKey: Uint8Array): boolean => [this.#present, ...this.#replaced].some(({ pair }) => Buffer.compare(pair.publicKey, publicKey) === 0);
  #present: StaticKey;
  /** How often a compromise has ended all keys there were. */
  #compromises = 0;

  constructor(primitives: CryptoPrimitives, clock: Clock) {
    this.#primitives = primitives;
    this.#clock = clock;
    this.#present = new StaticKey(primitives.generateKeyPair());
    this.#present.activate(clock);
  }

  get state(): StaticKeyState {
    const { keyId, activatedAt, activatedMonotonic } = this.#present;
    return { keyId, activatedAt, ageMs: this.#clock.monotonic() - activatedMonotonic };
  }

  /** For one handshake. */
  use(): StaticKeyUse {
    const compromises = this.#compromises;
    return this.#present.use(this.#isOwn, () => this.#compromises > compromises);
  }

  make(): NewStaticKey {
    return new StaticKey(this.#primitives.generateKeyPair());
  }

  /**
   * New handshakes get `next`. The key before is destroyed with the last handshake that holds it, 10 s from now at the latest; where it is `compromised`,
   * it and all before it are destroyed at once, and what handshakes under way lead to is refused.
   */
  take(next: NewStaticKey, compromised: boolean): void {
    if (!(next instanceof StaticKey) || next.state !== 'made') throw new TypeError('not a key that waits to be used');
    const before = this.#present;
    next.activate(this.#clock);
    this.#present = next;
    for (const key of this.#replaced) if (key.state === 'destroyed') this.#replaced.delete(key);
    this.#replaced.add(before);
    if (!compromised) return before.replace(this.#clock);
    this.#compromises++;
    for (const key of this.#replaced) key.destroy();
    this.#replaced.clear();
  }

  /** Forgets all of them: handshakes under way fail. */
  destroy(): void {
    for (const key of [this.#present, ...this.#replaced]) key.destroy();
    this.#replaced.clear();
  }
}
