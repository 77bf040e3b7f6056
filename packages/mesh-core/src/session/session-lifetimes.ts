import { MeshError, type Clock, type ClockTimer } from '@lemur-bookstores/mesh-interface';
import { replace, retireWithin, type LiveSession } from './live-session.js';
import { OutboundSession } from './outbound-session.js';
import type { RetirementCause } from './session-delegate.js';

/** A session's absolute age, in ms, unless given: a day. */
const DEFAULT_SESSION_TIMEOUT_MS = 86_400_000;
const MIN_SESSION_TIMEOUT_MS = 1_000;

/** The dialler renews within this part of a session's time, drawn for each: a fleet that started together drifts apart. */
const RENEWAL_FROM = 0.85;
const RENEWAL_TO = 0.95;
/** A certificate that is nearly over must not make each session be followed by a shorter one: none is renewed younger than this, in ms. */
const MIN_AGE_MS = 5_000;
/** The acceptor enforces what the dialler has not done, this much later: the dialler's own end of it comes first. */
const ACCEPTOR_GRACE_MS = 30_000;
const ACCEPTOR_GRACE = 0.05;

/** A session whose handshake was under way as its static key was replaced follows the others within this time, in ms: the dialler's in its first half. */
const STRAGGLER_MS = 10_000;

/** @throws MeshError `invalid_option` */
export function completeSessionTimeout(sessionTimeoutMs = DEFAULT_SESSION_TIMEOUT_MS): number {
  if (Number.isSafeInteger(sessionTimeoutMs) && sessionTimeoutMs >= MIN_SESSION_TIMEOUT_MS) return sessionTimeoutMs;
  const problem = `sessionTimeoutMs: must be a whole number of ${MIN_SESSION_TIMEOUT_MS} or more`;
  throw new MeshError('invalid_option', problem, { details: { problems: [problem] } });
}

export interface SessionLifetimesParts {
  readonly clock: Clock;
  /** Absolute age of a session, in ms. */
  readonly sessionTimeoutMs: number;
  /** How long the calls in flight of one that is over may take, in ms. */
  readonly drainMs: number;
  /** For tests. */
  readonly random?: () => number;
}

/**
 * Ends every session in time: at the session timeout, or when one of the certificates ends if that is earlier (PROTOCOL 3.9). Both count from
 * its opening on the monotonic clock: a wall clock that jumps changes nothing. The dialler renews it before, trying again until then; at the
 * end it takes no calls any more, whatever came of that.
 */
export class SessionLifetimes {
  readonly #parts: SessionLifetimesParts;
  readonly #random: () => number;
  /** What is due next for each session. */
  readonly #timers = new Map<LiveSession, ClockTimer>();

  constructor(parts: SessionLifetimesParts) {
    this.#parts = parts;
    this.#random = parts.random ?? Math.random;
  }

  opened(live: LiveSession): void {
    const { validForMs } = live.session.channel;
    const { sessionTimeoutMs } = this.#parts;
    const cause: RetirementCause = validForMs < sessionTimeoutMs ? 'certificate_end' : 'session_timeout';
    const lifeMs = Math.min(sessionTimeoutMs, validForMs);
    if (live.session.channel.superseded === true && lifeMs > STRAGGLER_MS) return this.#follow(live, lifeMs, cause);
    if (!(live instanceof OutboundSession)) return this.#at(live, lifeMs + Math.min(ACCEPTOR_GRACE_MS, ACCEPTOR_GRACE * lifeMs), () => this.#retire(live, cause));
    const drawn = RENEWAL_FROM + this.#random() * (RENEWAL_TO - RENEWAL_FROM);
    // A timeout that short is what was asked for; a certificate's end is not.
    const renewalMs = Math.max(drawn * lifeMs, Math.min(MIN_AGE_MS, drawn * sessionTimeoutMs));
    const expire = (): void => this.#at(live, lifeMs, () => this.#retire(live, cause));
    if (renewalMs >= lifeMs) return expire();
    this.#at(live, renewalMs, () => {
      expire();
      live.renew(cause);
    });
  }

  #follow(live: LiveSession, lifeMs: number, cause: RetirementCause): void {
    const isDialler = live instanceof OutboundSession;
    this.#at(live, ((isDialler ? 0 : 1) + this.#random()) * (STRAGGLER_MS / 2), () => {
      this.#at(live, lifeMs, () => this.#retire(live, cause));
      if (isDialler) live.renew('key_rotation');
      else replace(live, 'key_rotation');
    });
  }

  ended(live: LiveSession): void {
    this.#timers.get(live)?.cancel();
    this.#timers.delete(live);
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #retire(live: LiveSession, cause: RetirementCause): void {
    this.#timers.delete(live);
    retireWithin(live, this.#parts.clock, this.#parts.drainMs, cause);
  }

  #at(live: LiveSession, ageMs: number, act: () => void): void {
    const { clock } = this.#parts;
    this.#timers.set(live, clock.setTimeout(act, live.session.openedAt + ageMs - clock.monotonic()));
  }
}
