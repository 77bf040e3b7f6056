import type { Clock, ClockTimer, RekeyTrigger, SessionsRotated } from '@lemur-bookstores/mesh-interface';
import { placeOf, replace, type LiveSession } from './live-session.js';
import { OutboundSession } from './outbound-session.js';
import type { RetirementCause } from './session-delegate.js';

/** The acceptor's last GOAWAY comes at this part of the window: a peer needs time to dial anew. */
const LAST_GO_AWAY = 0.9;

/** What became of the sessions with one peer in one direction. Which took the place of which nobody can say: replicas share an id. */
interface Place {
  old: number;
  ended: number;
  successors: number;
}

export interface RenewalRunParts {
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * A new handshake for every session that there is (PROTOCOL 3.9): the dialler's in the first half of the window, by a session that takes its place;
 * the acceptor asks in the second half, by GOAWAY, for what the other end has not renewed by then. What takes calls still at the window's end takes
 * none from then on. With a compromise all of it begins at once, and at the window's end the old sessions are closed.
 */
export class RenewalRun {
  readonly #sessions: ReadonlySet<LiveSession>;
  readonly #trigger: RekeyTrigger;
  readonly #parts: RenewalRunParts;
  readonly #places = new Map<string, Place>();
  /** Were ending when it began: nothing follows them. */
  readonly #leaving = new Set<LiveSession>();
  readonly #timers: ClockTimer[] = [];
  #open: number;
  #endedLeaving = 0;
  /** Places that have fewer successors than sessions. */
  #lacking: number;
  #answer: ((rotated: SessionsRotated) => void) | undefined;
  readonly #over: () => void;

  /**
   * @param answer called once, early where every session has been replaced
   * @param over called once: nothing happens any more
   */
  constructor(
    sessions: readonly LiveSession[],
    trigger: RekeyTrigger,
    withinMs: number,
    parts: RenewalRunParts,
    answer: (rotated: SessionsRotated) => void,
    over: () => void,
  ) {
    this.#sessions = new Set(sessions);
    this.#trigger = trigger;
    this.#parts = parts;
    this.#answer = answer;
    this.#over = over;
    this.#open = sessions.length;
    for (const live of sessions) {
      if (live.session.state === 'open') this.#place(live).old++;
      else this.#leaving.add(live);
    }
    this.#lacking = this.#places.size;
    const halfMs = trigger === 'compromise' ? 0 : withinMs / 2;
    for (const live of sessions) {
      const delayMs = live instanceof OutboundSession ? parts.random() * halfMs : halfMs * (1 + parts.random() * (2 * LAST_GO_AWAY - 1));
      this.#after(delayMs, () => this.#renew(live));
    }
    this.#after(withinMs, () => this.stop());
    this.#check();
  }

  opened(live: LiveSession): void {
    const place = this.#places.get(placeOf(live));
    if (place === undefined) return;
    if (++place.successors === place.old) this.#lacking--;
    this.#check();
  }

  ended(live: LiveSession): void {
    if (!this.#sessions.has(live)) return;
    this.#open--;
    if (this.#leaving.has(live)) this.#endedLeaving++;
    else this.#place(live).ended++;
    this.#check();
  }

  /** At the window's end, or before. */
  stop(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
    for (const live of this.#sessions) {
      if (this.#trigger === 'compromise') live.session.close();
      else if (live.session.state === 'open') replace(live, this.#cause);
    }
    this.#tell();
    this.#over();
  }

  #renew(live: LiveSession): void {
    if (live.session.state !== 'open') return;
    if (live instanceof OutboundSession) live.renew(this.#cause);
    else replace(live, this.#cause);
  }

  get #cause(): RetirementCause {
    if (this.#trigger === 'compromise') return 'compromise';
    return this.#trigger === 'certificate' ? 'trust_changed' : 'key_rotation';
  }

  /** Known early where all have been replaced; keys that others may know must be gone as well. */
  #check(): void {
    if (this.#lacking === 0 && (this.#trigger !== 'compromise' || this.#open === 0)) this.#tell();
  }

  #tell(): void {
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer === undefined) return;
    let [rotated, ended] = [0, this.#endedLeaving];
    for (const place of this.#places.values()) {
      const replaced = Math.min(place.old, place.successors);
      rotated += replaced;
      ended += Math.max(0, place.ended - replaced);
    }
    answer({ rotated, ended, left: this.#sessions.size - rotated - ended });
  }

  #place(live: LiveSession): Place {
    const key = placeOf(live);
    let place = this.#places.get(key);
    if (place === undefined) this.#places.set(key, (place = { old: 0, ended: 0, successors: 0 }));
    return place;
  }

  #after(delayMs: number, act: () => void): void {
    this.#timers.push(this.#parts.clock.setTimeout(act, delayMs));
  }
}
