import { MeshError, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import type { LaneNature } from './acknowledgement.js';
import type { DeadLetters } from './dead-letters.js';
import type { StampedEvent } from './event-stamper.js';
import type { LaneAccounts } from './lane-accounts.js';
import { ThrottledWarning } from './throttled-warning.js';

/** What becomes of a lane's events: each is counted once, its waiters are told, and what is lost is said. */
export class LaneOutcomes {
  readonly #lane: LaneNature;
  readonly #accounts: LaneAccounts;
  readonly #deadLetters: DeadLetters;
  readonly #warning: ThrottledWarning;

  constructor(lane: LaneNature, accounts: LaneAccounts, deadLetters: DeadLetters, clock: Clock, logger: Logger) {
    this.#lane = lane;
    this.#accounts = accounts;
    this.#deadLetters = deadLetters;
    this.#warning = new ThrottledWarning(logger, clock);
  }

  /** Kept from the adapter. */
  filtered(): void {
    this.#accounts.emitted++;
    this.#accounts.filtered++;
  }

  delivered(entry: StampedEvent): void {
    if (entry.kind === 'event') this.#accounts.delivered++;
    entry.acknowledgement?.delivered(this.#lane);
  }

  /** The adapter will never get them. */
  givenUp(entries: readonly StampedEvent[], failure: MeshError): void {
    for (const { kind, acknowledgement } of entries) {
      if (kind === 'gap') this.#accounts.lostGaps++;
      else this.#accounts.deadLettered++;
      acknowledgement?.failed(this.#lane, failure);
    }
    const { deadLettered, lostGaps } = this.#accounts;
    this.#warning.warn(`audit adapter ${this.#lane.name} will never get ${entries.length} event(s)`, {
      error: failure.message,
      sequence: entries[0]?.event.sequence,
      deadLettered,
      lostGaps,
    });
    this.#deadLetters.add(entries, failure);
  }

  dropped({ kind, event, acknowledgement }: StampedEvent, reason: 'queue_full' | 'mesh_closed', why: string): void {
    if (kind === 'gap') {
      this.#accounts.lostGaps++;
      return;
    }
    this.#accounts.dropped++;
    this.#sayLoss(why, event.sequence);
    acknowledgement?.failed(this.#lane, new MeshError(reason, `audit adapter ${this.#lane.name} did not get the event: ${why}`));
  }

  /** On disk, and unreadable. */
  lost(events: number): void {
    this.#accounts.dropped += events;
    this.#sayLoss('the spill is damaged', undefined);
  }

  /** On disk, from an earlier process. */
  recovered(events: number): void {
    this.#accounts.emitted += events;
    this.#accounts.recovered += events;
  }

  #sayLoss(why: string, sequence: number | undefined): void {
    this.#warning.warn(`audit adapter ${this.#lane.name} loses events: ${why}`, { dropped: this.#accounts.dropped, sequence });
  }
}
