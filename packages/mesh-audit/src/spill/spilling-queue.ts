import { MeshError, ThrottledWarning } from '@lemur-bookstores/mesh-interface';
import type { LaneNature } from '../acknowledgement.js';
import type { EventQueue } from '../event-queue.js';
import type { StampedEvent } from '../event-stamper.js';
import { DeadLetterFile } from './dead-letter-file.js';
import { openSpill, type OpenSpill, type SpillSettings } from './open-spill.js';
import { waitPatiently } from './patience.js';
import { RetryTimer } from './retry-timer.js';
import type { Spill } from './spill.js';
import { SpillFeeder } from './spill-feeder.js';
import { SpillOutlet, type OutletOwner, type SpilledEntry } from './spill-outlet.js';
import type { SpillPosition } from './spill-segment.js';

/** What the queue gets of its lane, and tells it. */
export interface SpillingOwner extends OutletOwner {
  readonly nature: LaneNature;
  /** Events per delivery. */
  readonly batch: number;
  /** Whether the last delivery failed and is tried again. */
  isRetrying(): boolean;
  /** An earlier process left so many events. */
  onRecovered(events: number): void;
  /** Something went from memory to disk, or can be delivered. */
  onChange(): void;
}

/** `waited`: for deliveries; once that is over they go on without it. */
interface Opening {
  readonly kind: 'opening';
  readonly done: Promise<void>;
  waited: Promise<void> | undefined;
}

/** `ended`: what is still done on disk concerns nobody any more; the numbers are those of the end. */
type SpillingState =
  | { readonly kind: 'unopened' }
  | Opening
  | ({ readonly kind: 'open'; readonly feeder: SpillFeeder; readonly outlet: SpillOutlet; readonly letters: DeadLetterFile } & OpenSpill)
  | { readonly kind: 'ended'; readonly spilled: number; readonly bytes: number };

/**
 * A lane's queue with a spill behind it. As long as nothing is on disk, events go from memory to the adapter; else those on disk come first
 * and all others follow them there, so that the order is kept.
 */
export class SpillingQueue {
  readonly #memory: EventQueue;
  readonly #settings: SpillSettings;
  readonly #owner: SpillingOwner;
  readonly #warning: ThrottledWarning;
  readonly #openRetry: RetryTimer;
  #state: SpillingState = { kind: 'unopened' };
  /** Taken for delivery and not done with, in order. */
  readonly #out = new Set<StampedEvent>();
  /** Where those of them are that are on disk. */
  readonly #onDisk = new Map<StampedEvent, SpillPosition>();

  constructor(memory: EventQueue, settings: SpillSettings, owner: SpillingOwner) {
    this.#memory = memory;
    this.#settings = settings;
    this.#owner = owner;
    this.#warning = new ThrottledWarning(owner.logger, owner.clock, 'error');
    this.#openRetry = new RetryTimer(owner.clock);
  }

  /** Events on disk. */
  get spilled(): number {
    if (this.#state.kind === 'ended') return this.#state.spilled;
    return this.#state.kind === 'open' ? this.#state.spill.events : 0;
  }

  get spillBytes(): number {
    if (this.#state.kind === 'ended') return this.#state.bytes;
    return this.#state.kind === 'open' ? this.#state.spill.bytes : 0;
  }

  get maxBytes(): number {
    return this.#settings.maxBytes;
  }

  /** The oldest event in memory that is nowhere else. */
  get oldest(): StampedEvent | undefined {
    return this.#inFlight()[0] ?? (this.#state.kind === 'open' ? this.#state.feeder.oldest : this.#memory.oldest);
  }

  /** Opens the spill; deliveries wait for it, 30 s at most. Where that fails they do not, and it is tried again. Never rejects. */
  open(serviceId: string): Promise<void> {
    if (this.#state.kind === 'opening') return this.#state.done;
    if (this.#state.kind !== 'unopened' || this.#openRetry.waits) return Promise.resolve();
    const { name, clock } = this.#owner;
    const opening: Opening = { kind: 'opening', done: this.#open(serviceId), waited: undefined };
    opening.waited = waitPatiently(clock, opening.done, () => {
      opening.waited = undefined;
      this.#warning.warn(`the disk does not answer: audit adapter ${name} has no spill yet, events wait in memory`);
    });
    this.#state = opening;
    return opening.done;
  }

  /** An event came. The first one opens a spill that nobody opened before. */
  onOffered(serviceId: string): void {
    if (this.#state.kind === 'unopened') void this.open(serviceId);
    else this.consider();
  }

  /** A delivery ended: looks whether something has to go to the disk. */
  consider(): void {
    if (this.#state.kind === 'open') this.#state.feeder.consider();
  }

  take(max: number): StampedEvent[] | Promise<StampedEvent[]> {
    const state = this.#state;
    const waits = state.kind === 'opening' ? state.waited !== undefined : state.kind === 'open' && (state.spill.hasUnread || state.feeder.appending !== undefined);
    if (waits) return this.#takeLater(max);
    return this.#takeFromMemory(max);
  }

  release(entry: StampedEvent): void {
    this.#out.delete(entry);
    const end = this.#onDisk.get(entry);
    if (end === undefined) this.#memory.release(entry);
    else if (this.#state.kind === 'open') {
      this.#onDisk.delete(entry);
      this.#state.spill.consume(end, entry.kind === 'event' ? 1 : 0);
    }
    // Also where it was in memory: it may be the one that was too large for the spill.
    if (this.#state.kind === 'open') this.#state.feeder.roomMade();
  }

  /** Keeps what the adapter will never get, where the spill is open. */
  bury(entries: readonly StampedEvent[], failure: MeshError): void {
    if (this.#state.kind === 'open') this.#state.letters.add(entries, failure);
  }

  /** Brings everything that is in memory to the disk. */
  async save(): Promise<void> {
    this.#openRetry.cancel();
    if (this.#state.kind === 'opening') await this.#state.done;
    if (this.#state.kind !== 'open') return;
    await this.#state.feeder.finish();
  }

  /**
   * Ends the work on disk, which is left to the next process.
   * @returns what is in memory and was not saved, and what the disk still does
   */
  end(): { readonly left: StampedEvent[]; readonly closed: Promise<void> } {
    const state = this.#state;
    const taken = [...this.#inFlight()];
    this.#state = { kind: 'ended', spilled: this.spilled, bytes: this.spillBytes };
    this.#openRetry.cancel();
    if (state.kind === 'open') {
      state.feeder.stop();
      state.outlet.end();
    }
    const left = this.#memory.clear(state.kind === 'open' ? [...taken, ...state.feeder.take(Infinity)] : taken);
    return { left, closed: state.kind === 'open' ? close(state) : Promise.resolve() };
  }

  async #open(serviceId: string): Promise<void> {
    const { name, clock, logger } = this.#owner;
    try {
      const home = await openSpill(this.#settings, serviceId, name, clock, (directory, error) =>
        logger.warn(`audit adapter ${name}: what an earlier process left in '${directory}' stays there`, { error: MeshError.from(error).message }),
      );
      if (this.#state.kind === 'ended') {
        await close(home);
        return;
      }
      const { spill } = home;
      const feeder = new SpillFeeder(this.#memory, spill, {
        name,
        clock,
        logger,
        batch: this.#owner.batch,
        isRetrying: () => this.#owner.isRetrying(),
        inFlight: () => this.#inFlight(),
        onWritten: (entries, ends, wereInFlight) => this.#onWritten(spill, entries, ends, wereInFlight),
      });
      const letters = new DeadLetterFile({ directory: home.directory, fileSystem: this.#settings.fileSystem, clock, logger, adapter: name });
      this.#state = { kind: 'open', feeder, outlet: new SpillOutlet(spill, this.#owner), letters, ...home };
      this.#openRetry.succeeded();
      if (spill.events > 0) this.#owner.onRecovered(spill.events);
      this.#owner.onChange();
      feeder.consider();
    } catch (error) {
      if (this.#state.kind === 'ended') return;
      this.#state = { kind: 'unopened' };
      this.#warning.warn(`audit adapter ${name} has no spill now: events wait in memory`, { error: MeshError.from(error).message });
      this.#openRetry.failed(() => void this.open(serviceId));
    }
  }

  /** Taken from memory for a delivery, and nowhere else. */
  #inFlight(): readonly StampedEvent[] {
    return this.#out.size === this.#onDisk.size ? [] : [...this.#out].filter((entry) => !this.#onDisk.has(entry));
  }

  #takeFromMemory(max: number): StampedEvent[] {
    const taken = this.#state.kind === 'open' ? this.#state.feeder.take(max) : this.#memory.take(max);
    for (const entry of taken) this.#out.add(entry);
    return taken;
  }

  #takeFromDisk(read: readonly SpilledEntry[]): StampedEvent[] {
    return read.map(({ entry, end }) => {
      this.#out.add(entry);
      this.#onDisk.set(entry, end);
      return entry;
    });
  }

  async #takeLater(max: number): Promise<StampedEvent[]> {
    for (let state = this.#state; state.kind === 'opening' || state.kind === 'open'; state = this.#state) {
      if (state.kind === 'opening') {
        if (state.waited === undefined) break;
        await state.waited;
      } else if (state.spill.hasUnread) {
        const read = await state.outlet.read(max);
        if (read.length > 0 && this.#state.kind === 'open') return this.#takeFromDisk(read);
      } else if (state.feeder.appending !== undefined) await state.feeder.appending;
      else break;
    }
    return this.#state.kind === 'ended' ? [] : this.#takeFromMemory(max);
  }

  #onWritten(spill: Spill, entries: readonly StampedEvent[], ends: readonly SpillPosition[], wereInFlight: boolean): void {
    for (const [index, end] of ends.entries()) {
      const entry = entries[index]!;
      if (wereInFlight && !this.#out.has(entry)) {
        // Delivered while it was written.
        spill.consume(end, entry.kind === 'event' ? 1 : 0);
        continue;
      }
      if (wereInFlight) this.#onDisk.set(entry, end);
      this.#memory.release(entry);
      entry.acknowledgement?.spilled(this.#owner.nature);
    }
    this.#owner.onChange();
  }
}

async function close({ spill, lock, letters }: OpenSpill & { readonly letters?: DeadLetterFile }): Promise<void> {
  await letters?.close();
  await spill.close();
  await lock.release();
}
