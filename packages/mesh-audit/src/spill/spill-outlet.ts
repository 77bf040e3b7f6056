import { ThrottledWarning, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import type { Gap, StampedEvent } from '../event-stamper.js';
import { RetryTimer } from './retry-timer.js';
import type { Spill } from './spill.js';
import { errorCode } from './spill-failure.js';
import type { SpillItem, SpillLoss } from './spill-reader.js';
import type { SpillPosition } from './spill-segment.js';

/** What an outlet gets of its lane, and tells it. */
export interface OutletOwner {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  makeGap(gap: Gap): StampedEvent;
  /** So many events on disk cannot be read any more. */
  onLost(events: number): void;
}

/** An event from the disk, or the record of events that could not be read, and the place behind it. */
export interface SpilledEntry {
  readonly entry: StampedEvent;
  readonly end: SpillPosition;
}

/** Bytes that are read for one delivery, about. */
const READ_BYTES = 1_048_576;
/** Tries to read a file before what is in it counts as lost. */
const TRIES = 5;

/** Reads a spill for deliveries, in order. A file that cannot be read holds them up for a while, not for ever. */
export class SpillOutlet {
  readonly #spill: Spill;
  readonly #owner: OutletOwner;
  readonly #warning: ThrottledWarning;
  readonly #retry: RetryTimer;
  #state: 'open' | 'ended' = 'open';

  constructor(spill: Spill, owner: OutletOwner) {
    this.#spill = spill;
    this.#owner = owner;
    this.#warning = new ThrottledWarning(owner.logger, owner.clock, 'error');
    this.#retry = new RetryTimer(owner.clock);
  }

  /** The next entries, at most `max`; none where there are none, or at the end. One call at a time; never rejects. */
  async read(max: number): Promise<SpilledEntry[]> {
    const entries: SpilledEntry[] = [];
    for (let bytes = 0; entries.length < max && bytes < READ_BYTES; ) {
      let item: SpillItem | undefined;
      try {
        item = await this.#spill.next();
        this.#retry.succeeded();
      } catch (error) {
        // What was read is delivered first.
        if (entries.length > 0 || this.#state === 'ended') break;
        if (await this.#mayTryAgain(error)) continue;
        item = this.#spill.giveUp();
      }
      if (item === undefined || this.#state === 'ended') break;
      const entry = 'entry' in item ? item.entry : this.#lose(item.loss);
      entries.push({ entry, end: item.end });
      bytes += entry.bytes;
    }
    return entries;
  }

  /** Ends a wait under way; nothing is told any more. */
  end(): void {
    this.#state = 'ended';
    this.#retry.skip();
  }

  async #mayTryAgain(error: unknown): Promise<boolean> {
    const code = errorCode(error);
    this.#warning.warn(`the spill of audit adapter ${this.#owner.name} cannot be read`, { error: code });
    // It is gone, and does not come back.
    if (code === 'ENOENT') return false;
    let tries = 0;
    await new Promise<void>((again) => (tries = this.#retry.failed(again)));
    if (tries < TRIES) return true;
    this.#retry.succeeded();
    return false;
  }

  /** @returns the record of the gap */
  #lose({ count, after, before }: SpillLoss): StampedEvent {
    this.#spill.forget(count);
    this.#owner.onLost(count);
    const [from, to] = [after ?? before ?? 0, before ?? after ?? 0];
    return this.#owner.makeGap({ count, from, to, sequence: to, why: 'spill_failed: events were lost because the spill on disk was damaged' });
  }
}
