import { inBackground, type Clock, type ClockTimer, type ManagedAdapter, type MeshError, type ThrottledWarning } from '@lemur-bookstores/mesh-interface';
import { Delivery } from './delivery.js';
import { eventForAdapter, eventItself, type StampedEvent } from './event-stamper.js';
import { Fifo } from './fifo.js';
import type { LaneAccounts } from './lane-accounts.js';
import type { LaneSettings } from './lane-settings.js';
import { RetryPolicy } from './retry-policy.js';
import { isSinkTrouble } from './sink-trouble.js';

/** Where deliveries get events from. What they took stays its, until they say that it is done with. */
export interface EventSource {
  /** The oldest events, at most `max`; none where there are none now. */
  take(max: number): StampedEvent[] | Promise<StampedEvent[]>;
  release(entry: StampedEvent): void;
}

/** What deliveries get of their lane, and tell it. */
export interface DeliveriesOwner {
  readonly name: string;
  readonly clock: Clock;
  readonly accounts: LaneAccounts;
  readonly source: EventSource;
  readonly failureWarning: ThrottledWarning;
  /** What this adapter does to an event's Date, no other adapter gets. */
  readonly alone: boolean;
  onDelivered(entry: StampedEvent): void;
  /** The adapter will never get them. */
  onGivenUp(entries: readonly StampedEvent[], failure: MeshError): void;
  /** Something left the lane, or a delivery failed. */
  onProgress(): void;
}

/**
 * `idle`: nothing to do. `held`: the adapter's start() runs. `scheduled`: the next delivery begins in this turn of the event
 * loop. `taking`: events come from the disk. `delivering`: the adapter has a batch. `waiting`: a retry is due later. `ended`: for good.
 */
type DeliveriesState = 'idle' | 'held' | 'scheduled' | 'taking' | 'delivering' | 'waiting' | 'ended';

/** The deliveries to one adapter, one at a time, in order: batches, retries, and what is given up. */
export class LaneDeliveries {
  readonly #settings: LaneSettings;
  readonly #owner: DeliveriesOwner;
  readonly #delivery: Delivery;
  readonly #retries: RetryPolicy;
  #state: DeliveriesState = 'idle';
  #retryTimer: ClockTimer | undefined;
  /** Taken from the source and not yet settled, oldest first. */
  readonly #inFlight = new Fifo<StampedEvent>();
  /** Events per delivery. Halved where a batch is refused for good, to find the event that is the reason. */
  #batch: number;

  constructor(adapter: ManagedAdapter, settings: LaneSettings, owner: DeliveriesOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#delivery = new Delivery(adapter, owner.clock, settings.deliveryTimeoutMs);
    this.#retries = new RetryPolicy(settings);
    this.#batch = settings.batch;
  }

  /** The oldest event in flight. */
  get oldest(): StampedEvent | undefined {
    return this.#inFlight.peek();
  }

  /** Whether the last delivery failed and is to be tried again, or is being tried. */
  get isRetrying(): boolean {
    return this.#retries.tries > 0;
  }

  /** Whether the next try is due later. */
  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  /** There is something to deliver. */
  wake(): void {
    if (this.#state === 'idle') this.#schedule();
  }

  /** Nothing is delivered until {@link LaneDeliveries.resume}. */
  hold(): void {
    if (this.#state === 'idle' || this.#state === 'scheduled') this.#state = 'held';
  }

  resume(): void {
    if (this.#state === 'held') this.#schedule();
  }

  /** A retry that waits is tried at once. */
  hurry(): void {
    if (this.#state !== 'waiting') return;
    this.#retryTimer?.cancel();
    this.#schedule();
  }

  /** Ends the delivery under way, and all others. @returns what was in flight; the source counts it still */
  end(reason: MeshError): StampedEvent[] {
    this.#retryTimer?.cancel();
    this.#state = 'ended';
    this.#delivery.abort(reason);
    const left: StampedEvent[] = [];
    for (let entry = this.#inFlight.shift(); entry !== undefined; entry = this.#inFlight.shift()) left.push(entry);
    return left;
  }

  #schedule(): void {
    this.#state = 'scheduled';
    // Once a turn: the events of a turn share a batch, and a sink that is always ready cannot starve the event loop.
    // The events are of many calls, and the delivery is part of none.
    inBackground(setImmediate, this.#takeNext);
  }

  readonly #takeNext = (): void => {
    if (this.#state !== 'scheduled') return;
    if (this.#inFlight.length > 0) {
      this.#deliver();
      return;
    }
    const taken = this.#owner.source.take(this.#batch);
    if (Array.isArray(taken)) {
      this.#deliver(taken);
      return;
    }
    this.#state = 'taking';
    void taken.then((entries) => {
      if (this.#state === 'taking') this.#deliver(entries);
    });
  };

  #deliver(taken: readonly StampedEvent[] = []): void {
    for (const entry of taken) this.#inFlight.push(entry);
    const batch = this.#inFlight.first(this.#batch);
    if (batch.length === 0) {
      this.#state = 'idle';
      return;
    }
    this.#state = 'delivering';
    const events = batch.map(this.#owner.alone ? eventItself : eventForAdapter);
    let left = batch.length;
    const onTaken = (count: number): void => {
      left -= count;
      this.#onTaken(count);
    };
    void this.#delivery.deliver(events, onTaken).then((failure) => this.#onEnd(failure, left));
  }

  #onTaken(count: number): void {
    const { accounts, clock, source } = this.#owner;
    this.#retries.reset();
    accounts.lastSuccessAt = clock.now();
    accounts.failing = false;
    for (let index = 0; index < count; index++) {
      const entry = this.#inFlight.shift()!;
      source.release(entry);
      this.#owner.onDelivered(entry);
    }
    this.#owner.onProgress();
  }

  /** @param left events of the batch that the adapter did not take */
  #onEnd(failure: MeshError | undefined, left: number): void {
    if (this.#state !== 'delivering') return;
    if (failure === undefined) {
      this.#batch = Math.min(this.#settings.batch, this.#batch * 2);
      this.#schedule();
      return;
    }
    const { accounts } = this.#owner;
    accounts.failures++;
    accounts.failing = true;
    if (failure.retryable || this.#waitsFor(failure)) this.#onRetryable(failure, left);
    else this.#onPermanent(failure, left);
    this.#owner.onProgress();
  }

  /** What has room on disk is kept until somebody mends the key or the address; tries become as rare as those for a sink that is down. */
  #waitsFor(failure: MeshError): boolean {
    return isSinkTrouble(failure) && this.#settings.attempts === Infinity;
  }

  #onRetryable(failure: MeshError, left: number): void {
    const { name, clock, failureWarning } = this.#owner;
    const delayMs = this.#retries.next(failure);
    failureWarning.warn(`audit adapter ${name} failed`, {
      error: failure.message,
      try: this.#retries.tries,
      ...(this.#settings.attempts === Infinity ? {} : { of: this.#settings.attempts }),
    });
    if (delayMs === undefined) {
      this.#giveUp(failure, this.#delivery.batches ? left : 1);
      this.#schedule();
      return;
    }
    this.#state = 'waiting';
    this.#retryTimer = clock.setTimeout(() => this.#schedule(), delayMs);
  }

  #onPermanent(failure: MeshError, left: number): void {
    // No event is the reason: halving the batch would ask once for each of them.
    if (isSinkTrouble(failure)) this.#giveUp(failure, this.#delivery.batches ? left : 1);
    else if (this.#delivery.batches && left > 1) this.#batch = Math.ceil(left / 2);
    else this.#giveUp(failure, 1);
    this.#schedule();
  }

  /** Because the adapter will not have them or had its tries. */
  #giveUp(failure: MeshError, count: number): void {
    this.#retries.reset();
    const entries: StampedEvent[] = [];
    for (let index = 0; index < count; index++) {
      const entry = this.#inFlight.shift()!;
      this.#owner.source.release(entry);
      entries.push(entry);
    }
    this.#owner.onGivenUp(entries, failure);
  }
}
