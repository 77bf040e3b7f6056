import type { Clock, ClockTimer, Logger } from '@lemur-bookstores/mesh-interface';
import type { OwnIdentity } from './own-identity.js';

/** How long the own certificate lives on: for health checks. */
export interface CertificateState {
  /** End of the leaf's validity, ms since 1970. */
  readonly notAfter: number;
  /** Until then, in ms; 0 once it has passed. */
  readonly remainingMs: number;
  /** `expiring`: 20 % of its life or less is left, and whoever renews it should have done so by now. */
  readonly state: 'valid' | 'expiring' | 'expired';
}

/** SPIRE, cert-manager and the local trust domain renew with a third or more of the life left. */
export const EXPIRING_SHARE = 0.2;

/** A CA that ends takes every service with it, and another one has to be in all bundles before: it is said this early, or with 20 % of its life left, if that is later. */
const AUTHORITY_ENDS_MS = 60 * 86_400_000;

/** The wall clock may jump either way, and no timer tells: it is looked at this often, in ms. */
const LOOK_EVERY_MS = 60_000;

/** What is to be said of a leaf at a time. @param now ms since 1970 */
export function certificateStateOf({ notBefore, notAfter }: OwnIdentity, now: number): CertificateState {
  const remainingMs = Math.max(0, notAfter - now);
  const state = remainingMs === 0 ? 'expired' : remainingMs <= expiringMs(notBefore, notAfter) ? 'expiring' : 'valid';
  return { notAfter, remainingMs, state };
}

const expiringMs = (notBefore: number, notAfter: number): number => (notAfter - notBefore) * EXPIRING_SHARE;

/**
 * Says in the log that the own certificate was not replaced in time: once when it is expiring, once when it has expired. And once of each CA
 * behind it that it is about to end.
 */
export class ExpiryWatch {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #told: CertificateState['state'] = 'valid';
  #notAfter: number | undefined;
  #toldAuthority: string | undefined;
  #timer: ClockTimer | undefined;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Watches this one, in place of the one before. */
  follow(identity: OwnIdentity): void {
    this.stop();
    // A new trust bundle with the same leaf is no reason to say it again.
    if (identity.notAfter !== this.#notAfter) this.#told = 'valid';
    this.#notAfter = identity.notAfter;
    this.#look(identity);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(identity: OwnIdentity): void {
    const { notAfter, remainingMs, state } = certificateStateOf(identity, this.#clock.now());
    const fields = { id: identity.material.id, notAfter: new Date(notAfter).toISOString() };
    if (state === 'expiring' && this.#told === 'valid') {
      this.#told = state;
      this.#logger.warn('the own certificate ends soon and was not replaced: renew it', { ...fields, remainingMs });
    } else if (state === 'expired' && this.#told !== 'expired') {
      this.#told = state;
      this.#logger.error('the own certificate has ended and was not replaced: peers refuse new connections', fields);
    }
    this.#lookAtAuthority(identity);
    if (this.#told === 'expired') return;
    const untilExpiring = remainingMs - expiringMs(identity.notBefore, notAfter);
    const untilNext = Math.ceil(untilExpiring > 0 ? untilExpiring : remainingMs);
    this.#timer = this.#clock.setTimeout(() => this.#look(identity), Math.min(LOOK_EVERY_MS, untilNext));
  }

  #lookAtAuthority({ authority: { name, validity } }: OwnIdentity): void {
    if (validity === undefined || this.#toldAuthority === name) return;
    const { notBefore, notAfter } = validity;
    const remainingMs = notAfter - this.#clock.now();
    if (remainingMs > Math.min(AUTHORITY_ENDS_MS, expiringMs(notBefore, notAfter))) return;
    this.#toldAuthority = name;
    this.#logger.warn('the CA of the own certificate ends soon, and all certificates with it: put another beside it into every bundle', { notAfter: new Date(notAfter).toISOString(), remainingMs });
  }
}
