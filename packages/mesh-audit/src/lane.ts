import { MeshError, ThrottledWarning, type AdapterContext, type AuditLaneStats, type Clock, type Logger, type ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import type { LaneNature } from './acknowledgement.js';
import { AdapterLifecycle } from './adapter-lifecycle.js';
import { DeadLetters } from './dead-letters.js';
import { withinDeadline } from './deadline.js';
import { DrainWaiters } from './drain-waiters.js';
import { carefulTest, type EventTest } from './event-filter.js';
import { EventQueue } from './event-queue.js';
import type { Gap, StampedEvent } from './event-stamper.js';
import { LaneAccounts } from './lane-accounts.js';
import { LaneDeliveries } from './lane-deliveries.js';
import { LaneOutcomes } from './lane-outcomes.js';
import type { LaneSettings } from './lane-settings.js';
import { SpillingQueue } from './spill/spilling-queue.js';

/** What a lane gets of its owner. */
export interface LaneOwner {
  readonly clock: Clock;
  readonly logger: Logger;
  makeGap(gap: Gap): StampedEvent;
  /** The logger's only lane: what its adapter does to an event's Date, no other adapter gets. */
  readonly alone: boolean;
}

/**
 * One adapter's way, apart from all other adapters: a bounded queue in memory, a spill behind it where that is wanted, and the deliveries
 * out of them, in order.
 */
export class Lane implements LaneNature {
  readonly name: string;
  readonly durable: boolean;
  readonly spills: boolean;
  /** Whether the adapter has told the others something, or may do so at its end. */
  emits: boolean;
  readonly #accepts: EventTest | undefined;
  readonly #settings: LaneSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #lifecycle: AdapterLifecycle;
  readonly #queue: EventQueue;
  readonly #spilling: SpillingQueue | undefined;
  readonly #deliveries: LaneDeliveries;
  readonly #accounts = new LaneAccounts();
  readonly #outcomes: LaneOutcomes;
  #state: 'open' | 'closed' = 'open';
  /** The last sequence number offered. */
  #last = 0;
  readonly #waiters = new DrainWaiters();

  constructor(name: string, adapter: ManagedAdapter, settings: LaneSettings, owner: LaneOwner) {
    const { clock, logger, alone } = owner;
    this.name = name;
    this.durable = adapter.durable === true;
    this.spills = settings.spill !== undefined;
    this.emits = adapter.closesFirst === true;
    if (typeof adapter.accepts === 'function') {
      this.#accepts = carefulTest((event) => adapter.accepts!(event), `accepts() of audit adapter ${name}`, new ThrottledWarning(logger, clock));
    }
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    this.#lifecycle = new AdapterLifecycle(name, adapter, clock, logger, settings);
    this.#outcomes = new LaneOutcomes(this, this.#accounts, new DeadLetters(name, settings.onDeadLetter, clock, logger), clock, logger);
    this.#queue = new EventQueue({
      maxEvents: settings.laneEvents,
      maxBytes: settings.laneBytes,
      onDrop: (dropped) => this.#outcomes.dropped(dropped, 'the lane is full'),
      makeGap: (gap) => owner.makeGap(gap),
    });
    this.#spilling =
      settings.spill === undefined
        ? undefined
        : new SpillingQueue(this.#queue, settings.spill, {
            name,
            nature: this,
            clock,
            logger,
            batch: settings.batch,
            isRetrying: () => this.#deliveries.isRetrying,
            onRecovered: (events) => this.#outcomes.recovered(events),
            onLost: (events) => this.#outcomes.lost(events),
            onChange: () => this.#onSpillChange(),
            makeGap: (gap) => owner.makeGap(gap),
          });
    // What is safe on disk is never given up for an error that may pass.
    this.#deliveries = new LaneDeliveries(adapter, this.spills ? { ...settings, attempts: Infinity } : settings, {
      name,
      clock,
      accounts: this.#accounts,
      source: this.#spilling ?? this.#queue,
      failureWarning: new ThrottledWarning(logger, clock),
      alone,
      onDelivered: (entry) => this.#outcomes.delivered(entry),
      onGivenUp: (entries, failure) => {
        this.#outcomes.givenUp(entries, failure);
        this.#spilling?.bury(entries, failure);
      },
      onProgress: () => this.#onProgress(),
    });
  }

  get stats(): AuditLaneStats {
    const oldest = this.#oldest;
    return this.#accounts.stats({
      adapter: this.name,
      durable: this.durable,
      queued: this.#queue.events,
      spilled: this.#spilling?.spilled ?? 0,
      spillBytes: this.#spilling?.spillBytes ?? 0,
      spillMaxBytes: this.#spilling?.maxBytes ?? 0,
      queueFill: this.#queue.pressure,
      full: this.#queue.full,
      oldestQueuedMs: oldest === undefined ? 0 : this.#clock.monotonic() - oldest.at,
      deliveryTimeoutMs: this.#settings.deliveryTimeoutMs,
    });
  }

  /** Counts an event that is kept from the adapter. */
  skip(): void {
    this.#outcomes.filtered();
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
    this.#spilling?.onOffered(entry.event.serviceId);
  }

  /** Opens the spill, where there is one: what an earlier process left is delivered first. Never rejects. */
  async openSpill(serviceId: string): Promise<void> {
    if (this.#spilling === undefined) return;
    const opened = this.#spilling.open(serviceId);
    await this.#onDisk('the spill is not open yet', () => opened);
  }

  /** Starts the adapter. Events wait for that, within the delivery's deadline; trouble is a warning, and delivery is tried all the same. */
  async start(context: AdapterContext): Promise<void> {
    this.#deliveries.hold();
    await this.#lifecycle.start(context);
    this.#deliveries.resume();
  }

  /** Where audit is off: the adapter is not started and gets no events, but metrics. */
  readonly feed = (context: Pick<AdapterContext, 'metrics'>): void => this.#lifecycle.feed(context);

  /** Whether nothing waits, but for what is on disk for an adapter that takes nothing now. */
  get isDrained(): boolean {
    return this.#oldestSequence() === Infinity;
  }

  /** Resolves when everything offered so far has left the lane, for good or ill, or is on disk for an adapter that takes nothing now. */
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

  /** Ends deliveries. What is left goes to the spill, or else counts as dropped. Then closes the adapter. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const inFlight = this.#deliveries.end(new MeshError('mesh_closed', 'the audit logger is closing', { retryable: false }));
    this.#outcomes.undelivered(this.#spilling === undefined ? this.#queue.clear(inFlight) : await this.#saveRest(this.#spilling));
    this.#release();
    await this.#lifecycle.close();
  }

  async #saveRest(spilling: SpillingQueue): Promise<readonly StampedEvent[]> {
    await this.#onDisk('not everything is in the spill', () => spilling.save());
    const { left, closed } = spilling.end();
    await this.#onDisk('the spill is not closed', () => closed);
    return left;
  }

  async #onDisk(otherwise: string, work: () => Promise<void>): Promise<void> {
    try {
      await withinDeadline(this.#clock, this.#settings.flushMs, 'the disk', work);
    } catch (error) {
      this.#logger.warn(`audit adapter ${this.name}: ${otherwise}`, { error: MeshError.from(error, 'spill_failed').message });
    }
  }

  /** Something left the lane, or a delivery failed. */
  #onProgress(): void {
    this.#release();
    this.#spilling?.consider();
  }

  #onSpillChange(): void {
    this.#deliveries.wake();
    this.#release();
  }

  #release(): void {
    this.#waiters.release(() => this.#oldestSequence());
  }

  /** Of what is waited for: `Infinity` where there is nothing. */
  #oldestSequence(): number {
    const oldest = this.#oldest;
    if (oldest !== undefined) return oldest.event.sequence;
    // All numbers of an earlier process come before those of this one.
    return (this.#spilling?.spilled ?? 0) > 0 && this.#state === 'open' && !this.#deliveries.isWaiting ? 0 : Infinity;
  }

  /** The oldest event in memory. */
  get #oldest(): StampedEvent | undefined {
    return this.#spilling === undefined ? this.#deliveries.oldest ?? this.#queue.oldest : this.#spilling.oldest;
  }
}
