import { ThrottledWarning } from '@lemur-bookstores/mesh-interface';
import {
  holdProcess,
  MeshError,
  type AdapterContext,
  type AuditEventInput,
  type AuditEventType,
  type AuditSink,
  type AuditStats,
  type DeliveryContract,
  type MeshAuditEvent,
} from '@lemur-bookstores/mesh-interface';
import { Acknowledgement } from './acknowledgement.js';
import type { AuditLoggerOptions, AuditSettings } from './audit-options.js';
import { completeAuditOptions } from './complete-audit-options.js';
import { withinDeadline } from './deadline.js';
import { unkeptContracts } from './delivery-contracts.js';
import { trailTest, typePasses, type EventTest } from './event-filter.js';
import { EventStamper } from './event-stamper.js';
import { Lane } from './lane.js';
import { laneNames } from './lane-names.js';
import { MetricsReaders } from './metrics-readers.js';
import { Redactor } from './redaction.js';
import { auditStart, auditStop } from './trail-events.js';

/** `off`: nobody listens. `closing`: only what adapters and the logger itself say last is still taken. */
type AuditState = 'off' | 'open' | 'closing' | 'closed';

/** Share of `flushMs` that is kept for what is said at the very end. */
const LAST_WORDS = 0.2;

/**
 * Where all audit events pass: stamp, redact, freeze, one lane per adapter. A slow, hanging or throwing adapter delays neither
 * who records an event nor another adapter. Trouble with adapters goes to the operational log and {@link AuditLogger.stats},
 * never back into audit.
 */
export class AuditLogger implements AuditSink {
  readonly #settings: AuditSettings;
  readonly #stamper: EventStamper;
  readonly #lanes: readonly Lane[];
  readonly #readers: MetricsReaders;
  readonly #passes: EventTest | undefined;
  readonly #refusal: ThrottledWarning;
  #state: AuditState;
  #announced = false;
  #closing: Promise<void> | undefined;

  /** @throws MeshError `invalid_option`, which names every problem by its option's path */
  constructor(options: AuditLoggerOptions) {
    const settings = completeAuditOptions(options);
    const { clock, logger, adapters } = settings;
    const stamper = new EventStamper(settings.serviceId, clock, new Redactor(settings.redact), settings.level === 'metadata');
    const names = laneNames(adapters);
    this.#settings = settings;
    this.#stamper = stamper;
    this.#lanes = adapters.map(
      (adapter, index) => new Lane(names[index]!, adapter, settings, { clock, logger, makeGap: (gap) => stamper.gap(gap), alone: adapters.length === 1 }),
    );
    this.#readers = new MetricsReaders(settings);
    this.#passes = trailTest(settings.level, settings.events, new ThrottledWarning(logger, clock));
    this.#refusal = new ThrottledWarning(logger, clock);
    this.#state = settings.enabled && (this.#lanes.length > 0 || settings.observer !== undefined) ? 'open' : 'off';
  }

  /** Whether anybody listens: `false` without adapters and observer, with `enabled: false`, and after `close()`. */
  get enabled(): boolean {
    return this.#state === 'open';
  }

  /** What is promised of events of a type: the option `delivery`, or the default. */
  contractOf(eventType: AuditEventType): DeliveryContract {
    return this.#settings.contracts[eventType] ?? 'durable';
  }

  /**
   * Stamps an event and hands it to all lanes. Synchronous, never throws, never waits.
   * @returns the event as adapters get it; `undefined` if nobody listens or the input is no event
   */
  record(event: AuditEventInput): MeshAuditEvent | undefined {
    return this.#state === 'open' ? this.#record(event, undefined) : undefined;
  }

  /**
   * Records an event and waits until it is held as its contract says. `fail-closed`: a durable adapter has it, within `deliveryTimeoutMs`.
   * `durable`: a durable adapter has it, or a spill; where there is neither, every adapter. `best-effort`: every adapter has it. Resolves
   * at once if audit is off, or if no adapter keeps the event and it is not fail-closed.
   * @throws MeshError `audit_unavailable` for a fail-closed event that no durable adapter took; for others that of the first adapter that
   *   will never have it: `queue_full`, `adapter_timeout`, `adapter_failed` or its own; `mesh_closed` after `close()`. With the defaults
   *   an adapter that hangs is waited for up to some two minutes; with a spill that cannot be written, for as long as neither takes the event
   */
  async log(event: AuditEventInput): Promise<void> {
    if (this.#closing !== undefined) throw new MeshError('mesh_closed', 'the audit logger is closed');
    if (this.#state === 'off') return;
    let acknowledgement: Acknowledgement;
    try {
      acknowledgement = new Acknowledgement(this.contractOf(event.eventType));
      this.#admit(event, acknowledgement);
    } catch (error) {
      throw MeshError.from(error);
    }
    acknowledgement.complete(this.#settings.clock, this.#settings.deliveryTimeoutMs);
    await acknowledgement.settled;
  }

  /**
   * Starts the adapters that have `start()`; their events wait until then. Resolves when each has started, failed or timed
   * out: a failure is a warning. Adapters work without being started, so where the context given here and in the options
   * together lacks paths or metrics (an audit logger used alone), none is.
   */
  async start(context: Partial<AdapterContext> = {}): Promise<void> {
    const { clock, logger, context: known } = this.#settings;
    const serviceId = context.serviceId ?? known.serviceId ?? this.#stamper.serviceId;
    const paths = context.paths ?? known.paths;
    const metrics = context.metrics ?? known.metrics;
    this.#stamper.serviceId = serviceId;
    if (this.#closing !== undefined) return;
    const complete = paths === undefined || metrics === undefined ? undefined : { serviceId, logger, clock, paths, metrics: () => metrics() };
    const reading = complete === undefined ? undefined : this.#readers.start({ ...complete, emit: (event) => this.#emit(event, undefined) });
    if (this.#state === 'open') {
      this.#announce();
      await Promise.all(
        this.#lanes.map(async (lane) => {
          const opened = lane.openSpill(serviceId);
          if (complete !== undefined) await lane.start({ ...complete, emit: (event) => this.#emit(event, lane) });
          await opened;
        }),
      );
    } else if (complete !== undefined) this.#lanes.forEach(({ feed }) => feed(complete));
    await reading;
  }

  /**
   * Waits until what was recorded so far is delivered, at most `flushMs`, then makes the adapters write out what they hold.
   * Never rejects: what is still queued then shows in {@link AuditLogger.stats}.
   */
  async flush(): Promise<void> {
    // Its own bound ends this.
    await holdProcess(async () => {
      await this.#drain(this.#lanes, this.#settings.flushMs);
      await Promise.all([...this.#lanes.map((lane) => lane.flushAdapter()), this.#readers.flush()]);
    });
  }

  /**
   * Takes no more events, delivers what is queued for at most `flushMs`, leaves the rest to the spill or drops it, and closes the adapters. What hangs
   * comes on top: a spill's disk is waited for twice `flushMs`, an adapter's `start()` and `close()` `deliveryTimeoutMs` each; adapters that tell
   * the others something are closed before those. Never rejects; safe to call twice.
   */
  close(): Promise<void> {
    this.#closing ??= holdProcess(() => this.#close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What became of all events, per adapter: `emitted = filtered + delivered + queued + spilled + deadLettered + dropped`. */
  stats(): AuditStats {
    return { emitted: this.#stamper.sequence, adapters: this.#lanes.map((lane) => lane.stats) };
  }

  #record(event: AuditEventInput, from: Lane | undefined): MeshAuditEvent | undefined {
    try {
      return this.#admit(event, undefined, from);
    } catch (error) {
      this.#refusal.warn('not an audit event: refused', { error: MeshError.from(error).message });
      return undefined;
    }
  }

  /** What an adapter says goes to all others, until its own end. */
  #emit(event: AuditEventInput, from: Lane | undefined): void {
    if (this.#state !== 'open' && this.#state !== 'closing') return;
    if (from !== undefined) from.emits = true;
    this.#record(event, from);
  }

  /** @param from the lane whose adapter says it, and does not get it back */
  #admit(input: AuditEventInput, acknowledgement: Acknowledgement | undefined, from?: Lane): MeshAuditEvent {
    const stamped = this.#stamper.stamp(input, this.contractOf(input.eventType), acknowledgement);
    const passes = this.#passes === undefined || this.#passes(stamped.event);
    for (const lane of this.#lanes) {
      if (passes && lane !== from) lane.offer(stamped);
      else lane.skip();
    }
    if (passes) this.#settings.observer?.(stamped.event);
    return stamped.event;
  }

  #announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    const { contracts, adapters, level, events, logger } = this.#settings;
    const unkept = this.#lanes.length === 0 || this.#lanes.some(({ spills }) => spills) ? [] : unkeptContracts(contracts, adapters, (type) => typePasses(type, level, events));
    if (unkept.length > 0) {
      logger.warn('audit events are promised durable, but no adapter is and there is no spill: what waits is lost with the process', { eventTypes: unkept.join() });
    }
    this.#record(auditStart(this.#settings, this.#lanes), undefined);
  }

  async #close(): Promise<void> {
    const { flushMs, clock } = this.#settings;
    const lastWordsMs = Math.ceil(flushMs * LAST_WORDS);
    const endsAt = clock.monotonic() + flushMs;
    if (this.#state === 'open') this.#state = 'closing';
    await this.#drain(this.#lanes, this.#announced ? flushMs - lastWordsMs : flushMs);
    if (this.#announced) {
      const ready = this.#lanes.filter((lane) => lane.isDrained);
      this.#record(auditStop(this.stats().adapters), undefined);
      await this.#drain(ready, endsAt - clock.monotonic());
    }
    // Those that tell the others something, as a checkpoint at their end, go first.
    const telling = this.#lanes.filter((lane) => lane.emits);
    const others = this.#lanes.filter((lane) => !lane.emits);
    const listening = others.filter((lane) => lane.isDrained);
    await Promise.all(telling.map((lane) => lane.close()));
    if (telling.length > 0) await this.#drain(listening, lastWordsMs);
    this.#state = 'closed';
    await Promise.all([...others.map((lane) => lane.close()), this.#readers.close()]);
  }

  async #drain(lanes: readonly Lane[], forMs: number): Promise<void> {
    const { clock, logger } = this.#settings;
    for (const lane of lanes) lane.hurry();
    try {
      await withinDeadline(clock, forMs, 'delivery of what is queued', () => Promise.all(lanes.map((lane) => lane.drained())));
    } catch (error) {
      const queued = Object.fromEntries(lanes.map((lane) => [lane.name, lane.stats.queued]));
      logger.warn('audit events are still queued', { error: MeshError.from(error).message, queued });
    }
  }
}
