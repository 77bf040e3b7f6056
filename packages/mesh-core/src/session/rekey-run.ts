import type { Clock, ClockTimer, RekeyTrigger, SessionsRotated } from '@lemur-bookstores/mesh-interface';
import type { LiveSession } from './live-session.js';

/** One rekey in band of every session that there is: ends when each has new keys or is gone, or its time is up. */
export class RekeyRun {
  readonly #done: (rotated: SessionsRotated) => void;
  readonly #waiting = new Set<LiveSession>();
  readonly #timers: readonly ClockTimer[];
  #rotated = 0;
  #ended = 0;
  /** Cannot rekey. */
  #refused = 0;

  constructor(sessions: readonly LiveSession[], trigger: RekeyTrigger, withinMs: number, clock: Clock, done: (rotated: SessionsRotated) => void) {
    this.#done = done;
    for (const live of sessions) this.#waiting.add(live);
    // Whoever asked may stand between a seal and the writing of its record: this writes.
    this.#timers = [clock.setTimeout(() => this.#begin(trigger), 0), clock.setTimeout(() => this.stop(), withinMs)];
  }

  #begin(trigger: RekeyTrigger): void {
    // One that fails meanwhile takes itself out.
    for (const live of [...this.#waiting]) {
      // Asked to drain meanwhile, which ends it: as if it had not been open before.
      if (live.session.state !== 'open' && this.#waiting.delete(live)) continue;
      if (live.session.channel.rekeying?.rekey(trigger) === true || !this.#waiting.delete(live)) continue;
      this.#refused++;
    }
    this.#check();
  }

  rotated(live: LiveSession): void {
    if (!this.#waiting.delete(live)) return;
    this.#rotated++;
    this.#check();
  }

  ended(live: LiveSession): void {
    if (!this.#waiting.delete(live)) return;
    this.#ended++;
    this.#check();
  }

  /** What has not rekeyed by now does not count as such. */
  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    const left = this.#refused + this.#waiting.size;
    this.#waiting.clear();
    this.#done({ rotated: this.#rotated, ended: this.#ended, left });
  }

  #check(): void {
    if (this.#waiting.size === 0) this.stop();
  }
}
