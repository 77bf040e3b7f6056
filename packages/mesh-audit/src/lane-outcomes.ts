import { MeshError, ThrottledWarning, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import type { LaneNature } from './acknowledgement.js';
import type { DeadLetters } from './dead-letters.js';
import type { StampedEvent } from './event-stamper.js';
import type { LaneAccounts } from './lane-accounts.js';

/** What becomes of a lane's events: each is counted once, its waiters are told, and what is lost is said. */
export class LaneOutcomes {
  readonly #lane: LaneNature;
  readonly #accounts: LaneAccounts;
  readonly #deadLetters: DeadLetters;
  readonly #logger: Logger;
  readonly #warning: ThrottledWarning;

  constructor(lane: LaneNature, accounts: LaneAccounts, deadLetters: DeadLetters, clock: Clock, logger: Logger) {
    this.#lane = lane;
    this.#accounts = accounts;
    this.#deadLetters = deadLetters;
    this.#logger = logger;
    this.#warning = new ThrottledWarning(logger, clock, 'error');
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

  /** The lane is full. */
  dropped(entry: StampedEvent, why: string): void {
    if (this.#drop(entry, 'queue_full', why)) this.#sayLoss(why, entry.event.sequence);
  }

  /** What is left at the end. It is the last word about the lane: said at once, with the count of all. */
  undelivered(entries: readonly StampedEvent[]): void {
    const why = 'not delivered before the audit logger closed';
    const events = entries.filter((entry) => this.#drop(entry, 'mesh_closed', why));
    if (events.length === 0) return;
    this.#logger.error(`audit adapter ${this.#lane.name} loses ${events.length} event(s): ${why}`, {
      dropped: this.#accounts.dropped,
      fromSequence: events[0]?.event.sequence,
      toSequence: events.at(-1)?.event.sequence,
    });
  }

  /** @returns whether it was an event */
  #drop({ kind, acknowledgement }: StampedEvent, reason: 'queue_full' | 'mesh_closed', why: string): boolean {
    if (kind === 'gap') {
      this.#accounts.lostGaps++;
      return false;
    }
    this.#accounts.dropped++;
    acknowledgement?.failed(this.#lane, new MeshError(reason, `audit adapter ${this.#lane.name} did not get the event: ${why}`));
    return true;
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
