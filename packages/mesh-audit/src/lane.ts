import { MeshError, type AdapterContext, type AuditLaneStats, type Clock, type Logger, type ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import type { LaneNature } from './acknowledgement.js';
import { AdapterLifecycle } from './adapter-lifecycle.js';
import { DrainWaiters } from './drain-waiters.js';
import { carefulTest, type EventTest } from './event-filter.js';
import { EventQueue } from './event-queue.js';
import type { Gap, StampedEvent } from './event-stamper.js';
import { LaneAccounts } from './lane-accounts.js';
import { LaneDeliveries } from './lane-deliveries.js';
import type { LaneSettings } from './lane-settings.js';
import { ThrottledWarning } from './throttled-warning.js';

/** What a lane gets of its owner. */
export interface LaneOwner {
  readonly clock: Clock;
  readonly logger: Logger;
  makeGap(gap: Gap): StampedEvent;
  /** The logger's only lane: what its adapter does to an event's Date, no other adapter gets. */
  readonly alone: boolean;
}

/** One adapter's way: a bounded queue and the deliveries out of it, in order, apart from all other adapters. */
export class Lane implements LaneNature {
  readonly name: string;
  readonly durable: boolean;
  readonly spills = false;
  /** Whether the adapter has told the others something. */
  emits = false;
  readonly #accepts: EventTest | undefined;
  readonly #settings: LaneSettings;
  readonly #clock: Clock;
  readonly #lifecycle: AdapterLifecycle;
  readonly #queue: EventQueue;
  readonly #deliveries: LaneDeliveries;
  readonly #accounts = new LaneAccounts();
  readonly #lossWarning: ThrottledWarning;
  #state: 'open' | 'closed' = 'open';
  /** The last sequence number offered. */
  #last = 0;
  readonly #waiters = new DrainWaiters();

  constructor(name: string, adapter: ManagedAdapter, settings: LaneSettings, owner: LaneOwner) {
    const { clock, logger, alone } = owner;
    this.name = name;
    this.durable = adapter.durable === true;
    if (typeof adapter.accepts === 'function') {
      this.#accepts = carefulTest((event) => adapter.accepts!(event), `accepts() of audit adapter ${name}`, new ThrottledWarning(logger, clock));
    }
    this.#settings = settings;
    this.#clock = clock;
    this.#lifecycle = new AdapterLifecycle(name, adapter, clock, logger, settings.deliveryTimeoutMs);
    this.#queue = new EventQueue({
      maxEvents: settings.laneEvents,
      maxBytes: settings.laneBytes,
      onDrop: (dropped) => this.#drop(dropped, 'queue_full', 'the lane is full'),
      makeGap: (gap) => owner.makeGap(gap),
    });
    this.#deliveries = new LaneDeliveries(adapter, settings, {
      name,
      clock,
      accounts: this.#accounts,
      source: this.#queue,
      failureWarning: new ThrottledWarning(logger, clock),
      alone,
      onDelivered: (entry) => this.#onDelivered(entry),
      onGivenUp: (entries, failure) => this.#deadLetter(entries, failure),
      onProgress: () => this.#release(),
    });
    this.#lossWarning = new ThrottledWarning(logger, clock);
  }

  get stats(): AuditLaneStats {
    const oldest = this.#oldest;
    return this.#accounts.stats({
      adapter: this.name,
      durable: this.durable,
      queued: this.#queue.events,
      full: this.#queue.full,
      oldestQueuedMs: oldest === undefined ? 0 : this.#clock.monotonic() - oldest.at,
      deliveryTimeoutMs: this.#settings.deliveryTimeoutMs,
    });
  }

  /** Counts an event that is kept from the adapter. */
  skip(): void {
    this.#accounts.emitted++;
    this.#accounts.filtered++;
  }

  /** Takes an event, if the adapter keeps it. Never throws, never waits. */
  offer(entry: StampedEvent): void {
    // Closed: another adapter says something at its end, and this one's trail has ended.
    if (this.#state === 'closed' || (this.#accepts !== undefined && !this.#accepts(entry.event))) {
      this.skip();
      return;
    }
    this.#accounts.emitted++;
    this.#last = entry.event.sequence;
    entry.acknowledgement?.expect(this);
    this.#queue.offer(entry);
    this.#deliveries.wake();
  }

  /** Starts the adapter. Events wait for that, within the delivery's deadline; trouble is a warning, and delivery is tried all the same. */
  async start(context: AdapterContext): Promise<void> {
    this.#deliveries.hold();
    await this.#lifecycle.start(context);
    this.#deliveries.resume();
  }

  /** Whether nothing waits. */
  get isDrained(): boolean {
    return this.#oldest === undefined;
  }

  /** Resolves when everything offered so far has left the lane, for good or ill. */
  drained(): Promise<void> {
    const drained = this.#waiters.wait(this.#last);
    this.#release();
    return drained;
  }

  /** A retry that waits is tried at once. */
  hurry(): void {
    this.#deliveries.hurry();
  }

  /** Makes the adapter write out what it holds itself. */
  readonly flushAdapter = (): Promise<void> => this.#lifecycle.flush();

  /** Ends deliveries; what is left counts as dropped. Then closes the adapter. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const left = this.#deliveries.end(new MeshError('mesh_closed', 'the audit logger is closing', { retryable: false }));
    left.push(...this.#queue.take(Infinity));
    for (const entry of left) {
      this.#queue.release(entry);
      this.#drop(entry, 'mesh_closed', 'not delivered before the audit logger closed');
    }
    this.#release();
    await this.#lifecycle.close();
  }

  #onDelivered(entry: StampedEvent): void {
    if (entry.kind !== 'gap') this.#accounts.delivered++;
    entry.acknowledgement?.delivered(this);
  }

  #deadLetter(entries: readonly StampedEvent[], failure: MeshError): void {
    for (const entry of entries) {
      if (entry.kind === 'gap') this.#accounts.lostGaps++;
      else this.#accounts.deadLettered++;
      entry.acknowledgement?.failed(this, failure);
    }
    this.#lossWarning.warn(`audit adapter ${this.name} will never get ${entries.length} event(s)`, {
      error: failure.message,
      sequence: entries[0]?.event.sequence,
      deadLettered: this.#accounts.deadLettered,
      lostGaps: this.#accounts.lostGaps,
    });
  }

  #drop(entry: StampedEvent, reason: 'queue_full' | 'mesh_closed', why: string): void {
    if (entry.kind === 'gap') {
      this.#accounts.lostGaps++;
      return;
    }
    this.#accounts.dropped++;
    this.#lossWarning.warn(`audit adapter ${this.name} loses events: ${why}`, { dropped: this.#accounts.dropped, sequence: entry.event.sequence });
    entry.acknowledgement?.failed(this, new MeshError(reason, `audit adapter ${this.name} did not get the event: ${why}`));
  }

  #release(): void {
    this.#waiters.release(() => this.#oldest?.event.sequence ?? Infinity);
  }

  get #oldest(): StampedEvent | undefined {
    return this.#deliveries.oldest ?? this.#queue.oldest;
  }
}
