import { MeshError, type AdapterContext, type AuditLaneStats, type Clock, type ClockTimer, type Logger, type ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import { AdapterLifecycle } from './adapter-lifecycle.js';
import { Delivery } from './delivery.js';
import { DrainWaiters } from './drain-waiters.js';
import { EventQueue } from './event-queue.js';
import { eventForAdapter, eventItself, type Gap, type StampedEvent } from './event-stamper.js';
import { Fifo } from './fifo.js';
import { LaneAccounts } from './lane-accounts.js';
import type { LaneSettings } from './lane-settings.js';
import { RetryPolicy } from './retry-policy.js';
import { ThrottledWarning } from './throttled-warning.js';

/** What a lane gets of its owner. */
export interface LaneOwner {
  readonly clock: Clock;
  readonly logger: Logger;
  makeGap(gap: Gap): StampedEvent;
  /** The logger's only lane: what its adapter does to an event's Date, no other adapter gets. */
  readonly alone: boolean;
}

/**
 * `idle`: nothing to do. `held`: the adapter's start() runs. `scheduled`: the next delivery begins in this turn of the event
 * loop. `delivering`: the adapter has a batch. `waiting`: a retry is due later. `closed`: takes nothing any more.
 */
type LaneState = 'idle' | 'held' | 'scheduled' | 'delivering' | 'waiting' | 'closed';

/** One adapter's way: a bounded queue and the deliveries out of it, in order, apart from all other adapters. */
export class Lane {
  readonly name: string;
  readonly #settings: LaneSettings;
  readonly #alone: boolean;
  readonly #isDurable: boolean;
  readonly #clock: Clock;
  readonly #lifecycle: AdapterLifecycle;
  readonly #delivery: Delivery;
  readonly #queue: EventQueue;
  readonly #accounts = new LaneAccounts();
  readonly #retries: RetryPolicy;
  readonly #failureWarning: ThrottledWarning;
  readonly #lossWarning: ThrottledWarning;
  #state: LaneState = 'idle';
  #retryTimer: ClockTimer | undefined;
  /** Taken from the queue and not yet settled, oldest first. */
  readonly #inFlight = new Fifo<StampedEvent>();
  /** Events per delivery. Halved where a batch is refused for good, to find the event that is the reason. */
  #batch: number;
  /** The last sequence number offered. */
  #last = 0;
  readonly #waiters = new DrainWaiters();

  constructor(name: string, adapter: ManagedAdapter, settings: LaneSettings, owner: LaneOwner) {
    this.name = name;
    this.#settings = settings;
    this.#clock = owner.clock;
    this.#alone = owner.alone;
    this.#isDurable = adapter.durable === true;
    this.#lifecycle = new AdapterLifecycle(name, adapter, owner.clock, owner.logger, settings.deliveryTimeoutMs);
    this.#delivery = new Delivery(adapter, owner.clock, settings.deliveryTimeoutMs);
    this.#queue = new EventQueue({
      maxEvents: settings.laneEvents,
      maxBytes: settings.laneBytes,
      onDrop: (dropped) => this.#drop(dropped, 'queue_full', 'the lane is full'),
      makeGap: (gap) => owner.makeGap(gap),
    });
    this.#retries = new RetryPolicy(settings);
    this.#failureWarning = new ThrottledWarning(owner.logger, owner.clock);
    this.#lossWarning = new ThrottledWarning(owner.logger, owner.clock);
    this.#batch = settings.batch;
  }

  get stats(): AuditLaneStats {
    const oldest = this.#oldest;
    return this.#accounts.stats({
      adapter: this.name,
      durable: this.#isDurable,
      queued: this.#queue.events,
      full: this.#queue.full,
      oldestQueuedMs: oldest === undefined ? 0 : this.#clock.monotonic() - oldest.at,
      deliveryTimeoutMs: this.#settings.deliveryTimeoutMs,
    });
  }

  /** Counts an event that the filter keeps from the adapters. */
  skip(entry: StampedEvent): void {
    this.#accounts.emitted++;
    this.#accounts.filtered++;
    entry.settled?.(undefined);
  }

  /** Never throws, never waits. */
  offer(entry: StampedEvent): void {
    this.#accounts.emitted++;
    this.#last = entry.event.sequence;
    if (this.#state === 'closed') {
      this.#drop(entry, 'mesh_closed', 'the audit logger is closed');
      return;
    }
    this.#queue.offer(entry);
    if (this.#state === 'idle') this.#schedule();
  }

  /** Starts the adapter. Events wait for that, within the delivery's deadline; trouble is a warning, and delivery is tried all the same. */
  async start(context: AdapterContext): Promise<void> {
    if (this.#state === 'idle' || this.#state === 'scheduled') this.#state = 'held';
    await this.#lifecycle.start(context);
    if (this.#state === 'held') this.#schedule();
  }

  /** Resolves when everything offered so far has left the lane, for good or ill. */
  drained(): Promise<void> {
    const drained = this.#waiters.wait(this.#last);
    this.#release();
    return drained;
  }

  /** A retry that waits is tried at once. */
  hurry(): void {
    if (this.#state !== 'waiting') return;
    this.#retryTimer?.cancel();
    this.#schedule();
  }

  /** Makes the adapter write out what it holds itself. */
  readonly flushAdapter = (): Promise<void> => this.#lifecycle.flush();

  /** Ends deliveries; what is left counts as dropped. Then closes the adapter. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#retryTimer?.cancel();
    this.#state = 'closed';
    this.#delivery.abort(new MeshError('mesh_closed', 'the audit logger is closing', { retryable: false }));
    for (const entry of this.#queue.take(Infinity)) this.#inFlight.push(entry);
    for (let entry = this.#inFlight.shift(); entry !== undefined; entry = this.#inFlight.shift()) {
      this.#queue.release(entry);
      this.#drop(entry, 'mesh_closed', 'not delivered before the audit logger closed');
    }
    this.#release();
    await this.#lifecycle.close();
  }

  #schedule(): void {
    this.#state = 'scheduled';
    // Once a turn: the events of a turn share a batch, and a sink that is always ready cannot starve the event loop.
    setImmediate(this.#deliverNext);
  }

  readonly #deliverNext = (): void => {
    if (this.#state !== 'scheduled') return;
    if (this.#inFlight.length === 0) for (const entry of this.#queue.take(this.#batch)) this.#inFlight.push(entry);
    const batch = this.#inFlight.first(this.#batch);
    if (batch.length === 0) {
      this.#state = 'idle';
      return;
    }
    this.#state = 'delivering';
    const events = batch.map(this.#alone ? eventItself : eventForAdapter);
    let left = batch.length;
    const onTaken = (count: number): void => {
      left -= count;
      this.#onTaken(count);
    };
    void this.#delivery.deliver(events, onTaken).then((failure) => this.#onEnd(failure, left));
  };

  #onTaken(count: number): void {
    this.#retries.reset();
    this.#accounts.lastSuccessAt = this.#clock.now();
    this.#accounts.failing = false;
    for (let index = 0; index < count; index++) {
      const entry = this.#inFlight.shift()!;
      if (entry.kind !== 'gap') this.#accounts.delivered++;
      this.#queue.release(entry);
      entry.settled?.(undefined);
    }
    this.#release();
  }

  /** @param left events of the batch that the adapter did not take */
  #onEnd(failure: MeshError | undefined, left: number): void {
    if (this.#state !== 'delivering') return;
    if (failure === undefined) {
      this.#batch = Math.min(this.#settings.batch, this.#batch * 2);
      if (this.#inFlight.length === 0 && this.#queue.oldest === undefined) this.#state = 'idle';
      else this.#schedule();
      return;
    }
    this.#accounts.failures++;
    this.#accounts.failing = true;
    if (failure.retryable) this.#onRetryable(failure, left);
    else this.#onPermanent(failure, left);
    this.#release();
  }

  #onRetryable(failure: MeshError, left: number): void {
    const delayMs = this.#retries.next(failure);
    this.#failureWarning.warn(`audit adapter ${this.name} failed`, { error: failure.message, try: this.#retries.tries, of: this.#settings.attempts });
    if (delayMs === undefined) {
      this.#deadLetter(failure, this.#delivery.batches ? left : 1);
      this.#schedule();
      return;
    }
    this.#state = 'waiting';
    this.#retryTimer = this.#clock.setTimeout(() => this.#schedule(), delayMs);
  }

  #onPermanent(failure: MeshError, left: number): void {
    if (this.#delivery.batches && left > 1) this.#batch = Math.ceil(left / 2);
    else this.#deadLetter(failure, 1);
    this.#schedule();
  }

  /** Given up, because the adapter will not have them or had its tries. */
  #deadLetter(failure: MeshError, count: number): void {
    this.#retries.reset();
    const sequence = this.#inFlight.peek()?.event.sequence;
    for (let index = 0; index < count; index++) {
      const entry = this.#inFlight.shift()!;
      if (entry.kind === 'gap') this.#accounts.lostGaps++;
      else this.#accounts.deadLettered++;
      this.#queue.release(entry);
      entry.settled?.(failure);
    }
    this.#lossWarning.warn(`audit adapter ${this.name} will never get ${count} event(s)`, {
      error: failure.message,
      sequence,
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
    entry.settled?.(new MeshError(reason, `audit adapter ${this.name} did not get the event: ${why}`));
  }

  #release(): void {
    this.#waiters.release(() => this.#oldest?.event.sequence ?? Infinity);
  }

  get #oldest(): StampedEvent | undefined {
    return this.#inFlight.peek() ?? this.#queue.oldest;
  }
}
