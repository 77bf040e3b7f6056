import type { Clock, RekeyTrigger, SessionOwner, SessionsRotated } from '@lemur-bookstores/mesh-interface';
import type { LiveSession, SessionObserver } from './live-session.js';
import { RekeyRun } from './rekey-run.js';
import { RenewalRun } from './renewal-run.js';
import { SessionLifetimes, type SessionLifetimesParts } from './session-lifetimes.js';

export interface SessionRenewalParts extends SessionLifetimesParts {
  readonly clock: Clock;
  /** All live sessions. */
  sessions(): readonly LiveSession[];
}

/** Gives the sessions of a node new keys: when their time is over, and when the keys or the trust behind them change (PROTOCOL 3.9). */
export class SessionRenewal implements SessionOwner, SessionObserver {
  readonly #parts: SessionRenewalParts;
  readonly #lifetimes: SessionLifetimes;
  readonly #runs = new Set<RekeyRun | RenewalRun>();

  constructor(parts: SessionRenewalParts) {
    this.#parts = parts;
    this.#lifetimes = new SessionLifetimes(parts);
  }

  rekeySessions(trigger: RekeyTrigger, withinMs: number): Promise<SessionsRotated> {
    return new Promise((resolve) => {
      const run = new RekeyRun(this.#taking(), trigger, withinMs, this.#parts.clock, (rotated) => {
        this.#runs.delete(run);
        resolve(rotated);
      });
      this.#runs.add(run);
    });
  }

  renewSessions(trigger: RekeyTrigger, withinMs: number): Promise<SessionsRotated> {
    const { clock, random = Math.random } = this.#parts;
    return new Promise((resolve) => {
      const all = trigger === 'compromise' ? this.#parts.sessions() : this.#taking();
      const run = new RenewalRun(all, trigger, withinMs, { clock, random }, resolve, () => this.#runs.delete(run));
      this.#runs.add(run);
    });
  }

  /** Those that take calls: the rest is ending anyway, within a drain. */
  #taking(): LiveSession[] {
    return this.#parts.sessions().filter(({ session }) => session.state === 'open');
  }

  opened(live: LiveSession): void {
    if (live.session.state === 'closed') return;
    this.#lifetimes.opened(live);
    for (const run of this.#runs) if (run instanceof RenewalRun) run.opened(live);
  }

  rotated(live: LiveSession): void {
    for (const run of this.#runs) if (run instanceof RekeyRun) run.rotated(live);
  }

  ended(live: LiveSession): void {
    this.#lifetimes.ended(live);
    for (const run of this.#runs) run.ended(live);
  }

  /** The node ends, and its sessions with it: what was begun is over. */
  stop(): void {
    for (const run of [...this.#runs]) run.stop();
    this.#lifetimes.stop();
  }
}
