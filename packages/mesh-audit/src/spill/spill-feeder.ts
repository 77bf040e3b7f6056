import { MeshError, ThrottledWarning, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import type { EventQueue } from '../event-queue.js';
import type { StampedEvent } from '../event-stamper.js';
import { turnEnd } from '../turn-end.js';
import { waitPatiently } from './patience.js';
import { RetryTimer } from './retry-timer.js';
import type { Spill } from './spill.js';
import type { SpillPosition } from './spill-segment.js';

/** What a feeder needs to know of its lane, and tells it. */
export interface FeederOwner {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Events per delivery. */
  readonly batch: number;
  /** Whether the last delivery failed and is tried again. */
  isRetrying(): boolean;
  /** Taken for a delivery, not settled, and not on disk. */
  inFlight(): readonly StampedEvent[];
  /** These are durable; told in the turn in which they count as such. */
  onWritten(entries: readonly StampedEvent[], ends: readonly SpillPosition[], wereInFlight: boolean): void;
}

/**
 * Events and bytes, by the estimate of the memory, that are written at a time. As many as come while a slow disk syncs: else it falls behind, and
 * they are dropped.
 */
const PIECE_EVENTS = 8_192;
const PIECE_BYTES = 4_194_304;
/** Share of the memory queue from which on events go to the disk though nothing failed: the rest is room for what comes meanwhile. */
const PRESSURE = 0.25;
/** Tries in a row at the end. */
const LAST_TRIES = 3;

/** Brings events from a lane's memory to its spill, in order, where they cannot go to the adapter soon. */
export class SpillFeeder {
  readonly #memory: EventQueue;
  readonly #spill: Spill;
  readonly #owner: FeederOwner;
  readonly #retry: RetryTimer;
  readonly #warning: ThrottledWarning;
  #state: 'idle' | 'running' | 'full' | 'closing' | 'stopped' = 'idle';
  /** The write under way. */
  #writing: Promise<boolean> | undefined;
  /** The same as far as it is waited for. */
  #appending: Promise<void> | undefined;
  /** Taken from memory for a write that failed or found no room; before everything that is there. */
  #unwritten: StampedEvent[] = [];

  constructor(memory: EventQueue, spill: Spill, owner: FeederOwner) {
    this.#memory = memory;
    this.#spill = spill;
    this.#owner = owner;
    this.#retry = new RetryTimer(owner.clock);
    this.#warning = new ThrottledWarning(owner.logger, owner.clock, 'error');
  }

  /** What is being written comes before what is in memory: it is to be waited for, 30 s at most. */
  get appending(): Promise<void> | undefined {
    return this.#appending;
  }

  /** The oldest event in memory. */
  get oldest(): StampedEvent | undefined {
    return this.#unwritten[0] ?? this.#memory.oldest;
  }

  /** The oldest events in memory; only while nothing is being written. */
  take(max: number): StampedEvent[] {
    if (this.#unwritten.length > 0) return this.#unwritten.splice(0, max);
    return this.#memory.take(max);
  }

  /** Something changed: looks whether events have to go to the disk. */
  consider(): void {
    if (this.#state !== 'idle' || this.#retry.waits || !this.#mustWrite()) return;
    this.#state = 'running';
    void this.#run();
  }

  /** There may be room again where the spill was full. */
  roomMade(): void {
    if (this.#state === 'full') this.#state = 'idle';
    this.consider();
  }

  /** Writes all there is, and nothing more afterwards. What stays in memory could not be written. */
  async finish(): Promise<void> {
    this.#retry.cancel();
    this.#state = 'closing';
    await this.#writing;
    for (let tries = 0; tries < LAST_TRIES && this.#hasWaiting(); ) if (!(await this.#writeNext())) tries++;
    this.stop();
  }

  /** What is still being written concerns nobody any more. */
  stop(): void {
    this.#retry.cancel();
    this.#state = 'stopped';
  }

  async #run(): Promise<void> {
    do {
      // Once a turn: the events of a turn share a write.
      await turnEnd();
    } while (this.#state === 'running' && this.#mustWrite() && (await this.#writeNext()));
    if (this.#state === 'running') this.#state = 'idle';
  }

  #hasWaiting(): boolean {
    return this.oldest !== undefined || this.#owner.inFlight().length > 0;
  }

  #mustWrite(): boolean {
    if (this.#owner.isRetrying() || this.#memory.pressure >= PRESSURE) return this.#hasWaiting();
    // What is on disk is delivered first. Where that is little, what is in memory follows at once, without the detour.
    return this.#spill.events > this.#owner.batch && this.oldest !== undefined;
  }

  /** @returns whether something was written */
  async #writeNext(): Promise<boolean> {
    const inFlight = this.#owner.inFlight();
    // What is in flight comes before all else; behind older things on disk it would come twice.
    const handsOver = inFlight.length > 0 && (!this.#spill.hasUnread || this.#state === 'closing');
    if (!handsOver && this.#unwritten.length === 0) this.#unwritten = this.#memory.take(PIECE_EVENTS, PIECE_BYTES);
    const entries = handsOver ? inFlight : this.#unwritten;
    if (entries.length === 0) return false;
    const attempt = { isLate: false };
    const writing = this.#append(entries, handsOver, attempt);
    this.#writing = writing;
    // Nothing else is written until the disk has answered: each operation that hangs takes one of the few threads that all share.
    this.#appending = waitPatiently(this.#owner.clock, writing, () => {
      attempt.isLate = true;
      this.#appending = undefined;
      this.#warning.warn(`the disk does not answer: what audit adapter ${this.#owner.name} does not take waits in memory`);
    });
    return writing;
  }

  async #append(entries: readonly StampedEvent[], handsOver: boolean, attempt: { readonly isLate: boolean }): Promise<boolean> {
    const known = handsOver && !this.#spill.hasUnread;
    try {
      const count = await this.#spill.append(entries, known, () => !attempt.isLate, (ends) => {
        if (this.#state === 'stopped') return;
        if (!handsOver) this.#unwritten = this.#unwritten.slice(ends.length);
        this.#owner.onWritten(entries, ends, handsOver);
      });
      this.#retry.succeeded();
      if (count > 0) return true;
      if (this.#state === 'running') this.#state = 'full';
      this.#warning.warn(`the spill of audit adapter ${this.#owner.name} is full: events wait in memory, and are dropped when that is full too`, { bytes: this.#spill.bytes });
    } catch (error) {
      if (this.#state !== 'closing' && this.#state !== 'stopped') this.#retry.failed(() => this.consider());
      this.#warning.warn(`the spill of audit adapter ${this.#owner.name} cannot be written: events wait in memory`, { error: MeshError.from(error).message });
    } finally {
      this.#writing = undefined;
      this.#appending = undefined;
    }
    return false;
  }
}
