import {
  MeshError,
  DEFAULT_DELIVERY,
  type AdapterContext,
  type AuditEventInput,
  type AuditEventType,
  type AuditSink,
  type AuditStats,
  type DeliveryContract,
  type ManagedAdapter,
  type MeshAuditEvent,
} from '@lemur-bookstores/mesh-interface';
import { completeAuditOptions, type AuditLoggerOptions, type AuditSettings } from './audit-options.js';
import { withinDeadline } from './deadline.js';
import { eventTest, type EventTest } from './event-filter.js';
import { EventStamper, type Settled } from './event-stamper.js';
import { Lane } from './lane.js';
import { Redactor } from './redaction.js';
import { ThrottledWarning } from './throttled-warning.js';

/**
 * Where all audit events pass: stamp, redact, freeze, one lane per adapter. A slow, hanging or throwing adapter delays neither
 * who records an event nor another adapter. Trouble with adapters goes to the operational log and {@link AuditLogger.stats},
 * never back into audit.
 */
export class AuditLogger implements AuditSink {
  readonly #settings: AuditSettings;
  readonly #stamper: EventStamper;
  readonly #lanes: readonly Lane[];
  readonly #passes: EventTest;
  readonly #refusal: ThrottledWarning;
  #enabled: boolean;
  #closing: Promise<void> | undefined;

  /** @throws MeshError `invalid_option`, which names every problem by its option's path */
  constructor(options: AuditLoggerOptions) {
    const settings = completeAuditOptions(options);
    const { clock, logger } = settings;
    const stamper = new EventStamper(settings.serviceId, clock, new Redactor(settings.redact));
    const names = laneNames(settings.adapters);
    this.#settings = settings;
    this.#stamper = stamper;
    this.#lanes = settings.adapters.map(
      (adapter, index) => new Lane(names[index]!, adapter, settings, { clock, logger, makeGap: (gap) => stamper.gap(gap), alone: settings.adapters.length === 1 }),
    );
    this.#passes = eventTest(settings.events, new ThrottledWarning(logger, clock));
    this.#refusal = new ThrottledWarning(logger, clock);
    this.#enabled = settings.enabled && this.#lanes.length > 0;
  }

  /** Whether anybody listens: `false` without adapters, with `enabled: false`, and after `close()`. */
  get enabled(): boolean {
    return this.#enabled;
  }

  contractOf(eventType: AuditEventType): DeliveryContract {
    return DEFAULT_DELIVERY[eventType];
  }

  /**
   * Stamps an event and hands it to all lanes. Synchronous, never throws, never waits.
   * @returns the event as adapters get it; `undefined` if nobody listens or the input is no event
   */
  record(event: AuditEventInput): MeshAuditEvent | undefined {
    return this.#record(event, undefined);
  }

  #record(event: AuditEventInput, from: Lane | undefined): MeshAuditEvent | undefined {
    if (!this.#enabled) return undefined;
    try {
      return this.#admit(event, undefined, from);
    } catch (error) {
      this.#refusal.warn('not an audit event: refused', { error: MeshError.from(error).message });
      return undefined;
    }
  }

  /**
   * Records an event and waits until every adapter has it (or at once, if audit is off or the filter keeps the event back).
   * @throws MeshError of the first adapter that will never have it: `queue_full`, `adapter_timeout`, `adapter_failed` or its
   *   own; `mesh_closed` after `close()`. With the defaults an adapter that hangs is waited for up to some two minutes
   */
  log(event: AuditEventInput): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new MeshError('mesh_closed', 'the audit logger is closed'));
    if (!this.#enabled) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let open = this.#lanes.length;
      const settled = (failure: MeshError | undefined): void => {
        if (failure !== undefined) reject(failure);
        else if (--open === 0) resolve();
      };
      try {
        this.#admit(event, settled);
      } catch (error) {
        reject(MeshError.from(error));
      }
    });
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
    if (!this.#enabled || paths === undefined || metrics === undefined) return;
    const common = { serviceId, logger, clock, paths, metrics: () => metrics() };
    await Promise.all(this.#lanes.map((lane) => lane.start({ ...common, emit: (event) => void this.#record(event, lane) })));
  }

  /**
   * Waits until what was recorded so far is delivered, at most `flushMs`, then makes the adapters write out what they hold.
   * Never rejects: what is still queued then shows in {@link AuditLogger.stats}.
   */
  async flush(): Promise<void> {
    await this.#holdProcess(async () => {
      await this.#drain();
      await Promise.all(this.#lanes.map((lane) => lane.flushAdapter()));
    });
  }

  /** Takes no more events, delivers what is queued for at most `flushMs`, drops the rest, and closes the adapters. Never rejects; safe to call twice. */
  close(): Promise<void> {
    this.#enabled = false;
    this.#closing ??= this.#holdProcess(async () => {
      await this.#drain();
      await Promise.all(this.#lanes.map((lane) => lane.close()));
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What became of all events, per adapter: `emitted = filtered + delivered + queued + spilled + deadLettered + dropped`. */
  stats(): AuditStats {
    return { emitted: this.#stamper.sequence, adapters: this.#lanes.map((lane) => lane.stats) };
  }

  /** @param from the lane whose adapter says it, and does not get it back */
  #admit(input: AuditEventInput, settled: Settled | undefined, from?: Lane): MeshAuditEvent {
    const stamped = this.#stamper.stamp(input, settled);
    const passes = this.#passes(stamped.event);
    for (const lane of this.#lanes) {
      if (passes && lane !== from) lane.offer(stamped);
      else lane.skip(stamped);
    }
    return stamped.event;
  }

  async #drain(): Promise<void> {
    const { clock, logger, flushMs } = this.#settings;
    for (const lane of this.#lanes) lane.hurry();
    try {
      await withinDeadline(clock, flushMs, 'delivery of what is queued', () => Promise.all(this.#lanes.map((lane) => lane.drained())));
    } catch (error) {
      const queued = Object.fromEntries(this.#lanes.map((lane) => [lane.name, lane.stats.queued]));
      logger.warn('audit events are still queued', { error: MeshError.from(error).message, queued });
    }
  }

  /** No timer of ours keeps a process alive, but one that awaits a flush must not end before it: its own bound ends this. */
  async #holdProcess(work: () => Promise<void>): Promise<void> {
    const hold = setInterval(() => undefined, 60_000);
    try {
      await work();
    } finally {
      clearInterval(hold);
    }
  }
}

/** The adapters' own names, else their classes'; told apart where two are the same. */
function laneNames(adapters: readonly ManagedAdapter[]): string[] {
  const seen = new Map<string, number>();
  return adapters.map((adapter) => {
    const name = typeof adapter.name === 'string' && adapter.name !== '' ? adapter.name : adapter.constructor?.name ?? 'adapter';
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name}#${count}`;
  });
}
