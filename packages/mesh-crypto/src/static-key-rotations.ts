import type { Clock } from '@lemur-bookstores/mesh-interface';
import type { NewStaticKey, StaticKeys, StaticKeyState } from './static-keys.js';

interface NamedKey {
  readonly keyId: string;
  readonly activatedAt: number;
  readonly activatedMonotonic: number;
}

/**
 * How the static key of a crypto manager is replaced, for {@link KeyRotation}: one rotation after the other, whoever asks. Only a compromise waits for
 * nobody: it takes its key at once, and its turn is for the trail alone.
 *
 * Everything but `inTurn` throws `not_initialized` before the manager's `load()`, and `mesh_closed` after its end.
 */
export class StaticKeyRotations {
  readonly #keys: () => StaticKeys;
  readonly #clock: Clock;
  /** The key that was announced last, where it is not, or no longer, the one in use. */
  #announced: NamedKey | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(keys: () => StaticKeys, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /** The key of new handshakes. */
  get present(): StaticKeyState {
    return this.#keys().state;
  }

  /** The key that the trail has as the one in use: the present one, unless a compromise came between a key and its announcement. */
  get predecessor(): StaticKeyState {
    if (this.#announced === undefined) return this.present;
    const { keyId, activatedAt, activatedMonotonic } = this.#announced;
    return { keyId, activatedAt, ageMs: this.#clock.monotonic() - activatedMonotonic };
  }

  /** Behind the rotations that were asked for before. */
  inTurn<T>(rotate: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(rotate);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  make(): NewStaticKey {
    return this.#keys().make();
  }

  /** The trail names this key as the one in use. */
  announce({ keyId }: Pick<NewStaticKey, 'keyId'>): void {
    this.#announced = { keyId, activatedAt: this.#clock.now(), activatedMonotonic: this.#clock.monotonic() };
  }

  /** See {@link StaticKeys.take}. */
  take(next: NewStaticKey, compromised: boolean): void {
    const { keyId, activatedAt, ageMs } = this.present;
    this.#announced ??= { keyId, activatedAt, activatedMonotonic: this.#clock.monotonic() - ageMs };
    this.#keys().take(next, compromised);
  }
}
