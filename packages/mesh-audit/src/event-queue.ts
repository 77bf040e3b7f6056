import type { Gap, StampedEvent } from './event-stamper.js';
import { Fifo } from './fifo.js';

/** Bounds of a queue and what it needs of its owner. */
export interface EventQueueOptions {
  /** Events held at most, those in flight included. */
  readonly maxEvents: number;
  /** Bytes held at most, those in flight included. */
  readonly maxBytes: number;
  /** Told of every event that found no room. */
  readonly onDrop: (dropped: StampedEvent) => void;
  readonly makeGap: (gap: Gap) => StampedEvent;
}

/** A gap ends once this share of the queue is free: else a sink that is slow for long would get a gap record for every other event. */
const ROOM_AFTER_GAP = 0.1;
/** Gap records that wait at most; beyond them the open gap widens. Events too large for the whole queue could make one each. */
const MAX_GAPS = 16;

/**
 * Holds one adapter's events in the order of their sequence, bounded in events and bytes. When it is full, best-effort events are
 * dropped, never one of another contract for them: the newest of those that wait make room for a durable or fail-closed event, and only
 * where none is left that event itself is dropped. What was dropped leaves a gap record in its place, or as soon after it as there is
 * room.
 */
export class EventQueue {
  readonly #options: EventQueueOptions;
  readonly #promised = new Fifo<StampedEvent>();
  readonly #bestEffort = new Fifo<StampedEvent>();
  readonly #gaps = new Fifo<StampedEvent>();
  readonly #fifos = [this.#promised, this.#bestEffort, this.#gaps];
  #gap: Omit<Gap, 'sequence'> | undefined;
  /** The highest sequence number that was taken, or given to a gap record: none after it may be lower. */
  #reached = 0;
  #events = 0;
  #bytes = 0;
  #bestEffortBytes = 0;

  constructor(options: EventQueueOptions) {
    this.#options = options;
  }

  /** Events held, those in flight included, gap records not. */
  get events(): number {
    return this.#events;
  }

  /** At its bound; once something was dropped, until there is room again. */
  get full(): boolean {
    const { maxEvents, maxBytes } = this.#options;
    return this.#gap !== undefined || this.#events >= maxEvents || this.#bytes >= maxBytes;
  }

  /** How much of the bound is used, in events or bytes, whichever is more: from 0 to 1. */
  get pressure(): number {
    const { maxEvents, maxBytes } = this.#options;
    return Math.max(this.#events / maxEvents, this.#bytes / maxBytes);
  }

  /** The oldest entry that waits. */
  get oldest(): StampedEvent | undefined {
    return this.#earliest()?.peek();
  }

  offer(entry: StampedEvent): void {
    if (this.#fits(entry) || (entry.contract !== 'best-effort' && this.#makeRoom(entry))) this.#push(entry);
    else this.#drop(entry);
    // Also here: events too large for the whole queue leave a gap in an empty one, and nothing to release.
    this.#endGap();
  }

  /** The oldest entries, at most `max`, and no more once they take `maxBytes`. They stay counted until each was released. */
  take(max: number, maxBytes = Infinity): StampedEvent[] {
    const taken: StampedEvent[] = [];
    for (let bytes = 0; taken.length < max && bytes < maxBytes; bytes += taken.at(-1)!.bytes) {
      const entry = this.#earliest()?.shift();
      if (entry === undefined) break;
      if (entry.contract === 'best-effort') this.#bestEffortBytes -= entry.bytes;
      this.#reached = Math.max(this.#reached, entry.event.sequence);
      taken.push(entry);
    }
    return taken;
  }

  /** An entry that was taken is done with: its room is free. */
  release(entry: StampedEvent): void {
    if (entry.kind !== 'gap') {
      this.#events--;
      this.#bytes -= entry.bytes;
    }
    this.#endGap();
  }

  /**
   * Takes and releases everything, the record of a gap that ends thereby included.
   * @param taken entries taken before, which come first
   */
  clear(taken: readonly StampedEvent[]): StampedEvent[] {
    const all: StampedEvent[] = [];
    for (let next = taken.length > 0 ? taken : this.take(Infinity); next.length > 0; next = this.take(Infinity)) {
      for (const entry of next) {
        this.release(entry);
        all.push(entry);
      }
    }
    return all;
  }

  #push(entry: StampedEvent): void {
    this.#events++;
    this.#bytes += entry.bytes;
    if (entry.contract !== 'best-effort') this.#promised.push(entry);
    else {
      this.#bestEffortBytes += entry.bytes;
      this.#bestEffort.push(entry);
    }
  }

  #fits(entry: StampedEvent): boolean {
    return this.#events < this.#options.maxEvents && this.#bytes + entry.bytes <= this.#options.maxBytes;
  }

  #makeRoom(entry: StampedEvent): boolean {
    if (this.#bestEffort.length === 0 || this.#bytes - this.#bestEffortBytes + entry.bytes > this.#options.maxBytes) return false;
    while (!this.#fits(entry)) {
      const victim = this.#bestEffort.pop();
      if (victim === undefined) return false;
      this.#events--;
      this.#bytes -= victim.bytes;
      this.#bestEffortBytes -= victim.bytes;
      this.#drop(victim);
    }
    return true;
  }

  #drop(entry: StampedEvent): void {
    const { sequence } = entry.event;
    const gap = this.#gap;
    this.#gap =
      gap === undefined
        ? { count: 1, from: sequence, to: sequence }
        : { count: gap.count + 1, from: Math.min(gap.from, sequence), to: Math.max(gap.to, sequence) };
    this.#options.onDrop(entry);
  }

  #endGap(): void {
    const { maxEvents, maxBytes } = this.#options;
    if (this.#gap === undefined || this.#gaps.length >= MAX_GAPS) return;
    if (this.#events > maxEvents * (1 - ROOM_AFTER_GAP) || this.#bytes > maxBytes * (1 - ROOM_AFTER_GAP)) return;
    this.#reached = Math.max(this.#reached, this.#gap.to);
    this.#gaps.push(this.#options.makeGap({ ...this.#gap, sequence: this.#reached }));
    this.#gap = undefined;
  }

  /** The fifo whose head has the lowest sequence number. */
  #earliest(): Fifo<StampedEvent> | undefined {
    let earliest: Fifo<StampedEvent> | undefined;
    let lowest = Infinity;
    for (const fifo of this.#fifos) {
      const head = fifo.peek();
      if (head !== undefined && head.event.sequence < lowest) {
        earliest = fifo;
        lowest = head.event.sequence;
      }
    }
    return earliest;
  }
}
