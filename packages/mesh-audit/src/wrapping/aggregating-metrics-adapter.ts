import { MeshError, ThrottledWarning, type AdapterContext, type ClockTimer, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { withinDeadline } from '../deadline.js';
import { checkEvent } from './check-event.js';
import { EventCounts, type MetricsGroup } from './event-counts.js';
import { OptionProblems } from './option-problems.js';
import { Surroundings, type SurroundingsOptions } from './surroundings.js';

/** Events of one stretch of time, in numbers. */
export interface MetricsSummary {
  /** Of the last event. */
  readonly serviceId: string;
  readonly from: Date;
  readonly to: Date;
  readonly events: number;
  /** Of `events`: those with `success: false`. */
  readonly failures: number;
  /** Most frequent first. Their counts add up to `events`. */
  readonly groups: readonly MetricsGroup[];
  /** How many earlier tries to send part of this failed. A target that answered too late may have had it already. */
  readonly failedSends: number;
}

/** Options of an {@link AggregatingMetricsAdapter}. */
export interface AggregatingMetricsAdapterOptions extends SurroundingsOptions {
  /** Where summaries go: a function, or an object's method `send`. What it throws keeps the numbers for the next one. */
  readonly send: ((summary: MetricsSummary) => unknown) | { send(summary: MetricsSummary): unknown };
  /** How often, in ms, if there was any event. Default 60,000; 1 to 2^31-1. */
  readonly intervalMs?: number | undefined;
  /** The same, by the name that the guide gives it. */
  readonly interval?: number | undefined;
  /** Groups that are counted apart; what is beyond is counted as `_OTHER`. Each takes up to 11 KiB. Default 256; 1 to 10,000. */
  readonly maxGroups?: number | undefined;
  /** How long one send may take, in ms. Default 5,000; 1 to 2^31-1. */
  readonly sendTimeoutMs?: number | undefined;
}

const LONGEST_MS = 0x7fffffff;

/** The numbers of a summary while they are gathered. */
interface Gathering {
  readonly from: number;
  readonly counts: EventCounts;
  readonly failedSends: number;
  serviceId: string;
}

/**
 * Turns events into numbers: counts by type, action and outcome, durations with percentiles (within 1 %). A summary goes out every
 * `intervalMs` in which there was any event, at `flush()` and at `close()`. One that is not taken is part of the next: nothing is lost, and
 * memory stays within bounds. What was gathered since the last summary is in memory only: for the trail itself use another adapter.
 */
export class AggregatingMetricsAdapter implements ManagedAdapter {
  readonly name = 'aggregating-metrics';
  readonly #surroundings: Surroundings;
  readonly #send: (summary: MetricsSummary) => unknown;
  readonly #intervalMs: number;
  readonly #maxGroups: number;
  readonly #sendTimeoutMs: number;
  #gathering: Gathering | undefined;
  #timer: ClockTimer | undefined;
  #sending: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #warning: ThrottledWarning | undefined;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(options: AggregatingMetricsAdapterOptions) {
    const problems = new OptionProblems();
    if (!problems.object('options', options, ['send', 'intervalMs', 'interval', 'maxGroups', 'sendTimeoutMs', 'clock', 'logger'])) problems.throwIfAny();
    const { send, interval, intervalMs } = options;
    problems.target('send', send, 'send');
    if (interval !== undefined && intervalMs !== undefined) problems.add('interval', 'is the same as intervalMs: give one of them');
    this.#intervalMs = problems.whole(interval === undefined ? 'intervalMs' : 'interval', interval ?? intervalMs, { min: 1, max: LONGEST_MS, byDefault: 60_000 });
    this.#maxGroups = problems.whole('maxGroups', options.maxGroups, { min: 1, max: 10_000, byDefault: 256 });
    this.#sendTimeoutMs = problems.whole('sendTimeoutMs', options.sendTimeoutMs, { min: 1, max: LONGEST_MS, byDefault: 5_000 });
    problems.throwIfAny();
    this.#send = typeof send === 'function' ? send : (summary) => send.send(summary);
    this.#surroundings = new Surroundings(options);
  }

  /** Resolves when the event is counted. @throws MeshError `adapter_failed` once it is closed */
  // eslint-disable-next-line @typescript-eslint/require-await -- so that what it throws is a rejection
  async logEvent(event: MeshAuditEvent): Promise<void> {
    this.#count([event]);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- as above
  async logEvents(events: readonly MeshAuditEvent[], options?: { readonly signal: AbortSignal }): Promise<void> {
    options?.signal.throwIfAborted();
    this.#count(events);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the interface's
  async start(context: AdapterContext): Promise<void> {
    this.#surroundings.adopt(context);
    this.#warning = undefined;
  }

  /** Sends what was counted before this call. @throws MeshError `adapter_failed` where it is not taken; it is then part of the next summary */
  async flush(): Promise<void> {
    await this.#sendNow();
  }

  /** Sends what is left. Safe to call twice. @throws MeshError `adapter_failed` that says how many events' numbers are lost */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#sendNow();
    } catch (error) {
      throw new MeshError('adapter_failed', `the numbers of ${this.#gathering?.counts.events ?? 0} events were not sent: ${MeshError.from(error).message}`, { cause: error, retryable: false });
    } finally {
      this.#timer?.cancel();
    }
  }

  #count(events: readonly MeshAuditEvent[]): void {
    if (this.#closing !== undefined) throw new MeshError('adapter_failed', 'the aggregating metrics adapter is closed', { retryable: false });
    // All of them before the first is counted: a batch is all or nothing.
    for (const event of events) checkEvent(event);
    const last = events.at(-1);
    if (last === undefined) return;
    this.#gathering ??= { from: this.#surroundings.clock.now(), counts: new EventCounts(this.#maxGroups), failedSends: 0, serviceId: last.serviceId };
    for (const event of events) this.#gathering.counts.add(event);
    this.#gathering.serviceId = last.serviceId;
    this.#arm();
  }

  #arm(): void {
    this.#timer ??= this.#surroundings.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#sendNow().catch((error: unknown) => {
        this.#warning ??= new ThrottledWarning(this.#surroundings.logger, this.#surroundings.clock);
        this.#warning.warn('a summary of events was not sent: its numbers go into the next', { error: MeshError.from(error).message });
      });
    }, this.#intervalMs);
  }

  /** One at a time, each with all that is there when its turn comes. */
  #sendNow(): Promise<void> {
    const sending = (this.#sending ?? Promise.resolve()).then(() => this.#sendGathered());
    const settled = sending.catch(() => undefined);
    this.#sending = settled;
    return sending;
  }

  async #sendGathered(): Promise<void> {
    const gathered = this.#gathering;
    if (gathered === undefined) return;
    this.#gathering = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    const { clock } = this.#surroundings;
    const { counts, from, serviceId, failedSends } = gathered;
    const summary: MetricsSummary = Object.freeze({
      serviceId,
      from: new Date(from),
      to: new Date(clock.now()),
      events: counts.events,
      failures: counts.failures,
      groups: Object.freeze(counts.groups()),
      failedSends,
    });
    try {
      await withinDeadline(clock, this.#sendTimeoutMs, 'send()', () => this.#send(summary));
    } catch (error) {
      this.#keep(gathered);
      throw new MeshError('adapter_failed', MeshError.from(error).message, { cause: error, retryable: true });
    }
  }

  #keep(failed: Gathering): void {
    const since = this.#gathering;
    if (since !== undefined) failed.counts.merge(since.counts);
    this.#gathering = { ...failed, failedSends: failed.failedSends + 1, serviceId: since?.serviceId ?? failed.serviceId };
    if (this.#closing === undefined) this.#arm();
  }
}
