import { MeshError, RateBound, type Clock, type ClockTimer, type Logger } from '@lemur-bookstores/mesh-interface';
import { withinDeadline } from '../deadline.js';
import { isSinkTrouble } from '../sink-trouble.js';
import { UuidV7 } from '../uuid-v7.js';
import { alertOf, lightEvent, mergeDrafts, type Alert, type AlertDraft } from './alert.js';

/** Alerts that wait at most; what is more is summed up. */
const MAX_WAITING = 100;
/** Wait before a notification that failed is tried again without anybody asking for it. */
const RETRY_MS = 10_000;
/** A target may ask for more patience than that, but not for any. */
const MAX_RETRY_AFTER_MS = 300_000;
const MINUTE_MS = 60_000;

/** What an outbox needs of its owner. */
export interface AlertOutboxOwner {
  readonly maxPerMinute: number;
  readonly notifyTimeoutMs: number;
  readonly clock: () => Clock;
  readonly logger: () => Logger;
  readonly send: (alert: Alert) => unknown;
}

interface Entry {
  readonly alert: Alert;
  /** The event that set it off, if that still waits to hear of it. */
  readonly eventId: string | undefined;
  state: 'waiting' | 'sent' | 'refused';
  failure: MeshError | undefined;
}

/**
 * Sends alerts, in order, one at a time, within the bound on their rate: what exceeds it becomes one later alert. One that fails stays and is
 * tried again with the same id, so that none is lost and none goes out twice unless its target did not answer in time.
 */
export class AlertOutbox {
  readonly #owner: AlertOutboxOwner;
  readonly #rate: RateBound;
  readonly #uuid = new UuidV7();
  readonly #entries: Entry[] = [];
  #overflow: AlertDraft | undefined;
  #overflowTimer: ClockTimer | undefined;
  #retryTimer: ClockTimer | undefined;
  #draining: Promise<MeshError | undefined> | undefined;
  /** What the target asked for: until then it gets nothing by itself. A lane waits as long before it asks again. */
  #pausedUntil = -Infinity;
  #told = 0;
  #refused = 0;

  constructor(owner: AlertOutboxOwner) {
    this.#owner = owner;
    this.#rate = new RateBound(owner.maxPerMinute, MINUTE_MS);
  }

  /** How often rules were met, by what became of it. */
  get counts(): { readonly told: number; readonly waiting: number; readonly refused: number } {
    const waiting = this.#entries.reduce((sum, { alert }) => sum + alert.count, this.#overflow?.count ?? 0);
    return { told: this.#told, waiting, refused: this.#refused };
  }

  /** Takes an alert. @param eventId the event that set it off, which asks by {@link AlertOutbox.settled} */
  add(draft: AlertDraft, eventId?: string): void {
    if (this.#overflow === undefined && this.#entries.length < MAX_WAITING && this.#rate.take(this.#owner.clock().monotonic())) {
      this.#push(draft, eventId);
      return;
    }
    this.#sumUp(draft);
    this.#armOverflow();
  }

  /** Takes and sends what nobody waits for. */
  addAndSend(draft: AlertDraft): void {
    this.add(draft);
    this.#drainUnasked();
  }

  /** Resolves when all alerts that an event set off are out, or summed up. @throws MeshError why one of them is not */
  async settled(eventId: string): Promise<void> {
    const own = this.#entries.filter((entry) => entry.eventId === eventId);
    if (own.length === 0) return;
    const stopped = await this.#drain();
    for (const { state, failure } of own) {
      if (state !== 'sent') throw failure ?? stopped ?? new MeshError('adapter_failed', 'the alert is not out yet', { retryable: true });
    }
  }

  /** Sends what waits. @throws MeshError why not all of it is out */
  async flush(): Promise<void> {
    const stopped = await this.#drain();
    if (stopped !== undefined) throw stopped;
  }

  /**
   * Sends all there is, with what was held back as one last alert, whatever the bound.
   * @throws MeshError `adapter_failed` that says how many alerts are lost
   */
  async close(held: readonly AlertDraft[]): Promise<void> {
    await this.#draining;
    for (const draft of held) this.#sumUp(draft);
    this.#overflowTimer?.cancel();
    if (this.#overflow !== undefined) this.#push(this.#overflow, undefined);
    this.#overflow = undefined;
    const stopped = await this.#drain();
    this.#retryTimer?.cancel();
    if (this.#entries.length > 0) throw new MeshError('adapter_failed', `${this.#entries.length} alert(s) were not sent: ${stopped?.message ?? 'no time left'}`, { cause: stopped, retryable: false });
  }

  #push(draft: AlertDraft, eventId: string | undefined): void {
    this.#entries.push({ alert: alertOf(draft, this.#uuid.next(this.#owner.clock().now())), eventId, state: 'waiting', failure: undefined });
  }

  #sumUp(draft: AlertDraft): void {
    const held = { ...draft, heldBack: draft.count, event: lightEvent(draft.event) };
    this.#overflow = this.#overflow === undefined ? held : mergeDrafts(this.#overflow, held);
  }

  #armOverflow(): void {
    if (this.#overflowTimer !== undefined) return;
    const clock = this.#owner.clock();
    const now = clock.monotonic();
    const delayMs = this.#entries.length < MAX_WAITING ? this.#rate.freeAt(now) - now : RETRY_MS;
    this.#overflowTimer = clock.setTimeout(() => {
      this.#overflowTimer = undefined;
      if (this.#overflow === undefined) return;
      if (this.#entries.length < MAX_WAITING && this.#rate.take(clock.monotonic())) {
        this.#push(this.#overflow, undefined);
        this.#overflow = undefined;
        this.#drainUnasked();
      } else this.#armOverflow();
    }, delayMs);
  }

  /** Never rejects. @returns why it stopped before all were out */
  #drain(): Promise<MeshError | undefined> {
    if (this.#draining !== undefined) return this.#draining;
    if (this.#entries.length === 0) return Promise.resolve(undefined);
    this.#draining = this.#sendAll();
    return this.#draining;
  }

  #drainUnasked(): void {
    if (this.#owner.clock().monotonic() >= this.#pausedUntil) void this.#drain();
  }

  async #sendAll(): Promise<MeshError | undefined> {
    const { clock, notifyTimeoutMs, send } = this.#owner;
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    let stopped: MeshError | undefined;
    for (let entry = this.#entries[0]; entry !== undefined && stopped === undefined; entry = this.#entries[0]) {
      const { alert } = entry;
      try {
        await withinDeadline(clock(), notifyTimeoutMs, 'the notification', () => send(alert));
        entry.state = 'sent';
        this.#told += alert.count;
        this.#entries.shift();
      } catch (error) {
        entry.failure = failureOf(error);
        // A key or an address that is wrong is no fault of the alert: the next one would fare no better.
        if (entry.failure.retryable || isSinkTrouble(entry.failure)) stopped = entry.failure;
        else this.#refuse(entry, entry.failure);
      }
    }
    // Before anything else runs: who adds an alert from here on starts a round of its own.
    this.#draining = undefined;
    if (stopped !== undefined) this.#retryLater(stopped);
    return stopped;
  }

  #refuse(entry: Entry, failure: MeshError): void {
    entry.state = 'refused';
    this.#refused += entry.alert.count;
    this.#entries.shift();
    this.#owner.logger().error('an alert was refused for good', { alert: entry.alert.summary, error: failure.message });
  }

  #retryLater(failure: MeshError): void {
    const clock = this.#owner.clock();
    const askedMs = Math.min(failure.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    this.#pausedUntil = clock.monotonic() + askedMs;
    this.#owner.logger().warn('alerts are not out yet', { waiting: this.#entries.length, error: failure.message });
    this.#retryTimer = clock.setTimeout(() => void this.#drain(), Math.max(RETRY_MS, askedMs));
  }
}

/** A target that does not answer in time, or throws a plain Error, is tried again. */
function failureOf(error: unknown): MeshError {
  const failure = MeshError.from(error, 'adapter_failed');
  if (MeshError.is(error) && failure.reason !== 'adapter_timeout') return failure;
  return new MeshError('adapter_failed', failure.text, { cause: error, retryable: true });
}
