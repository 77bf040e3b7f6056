import { holdProcess, MeshError, SafeLogger, stderrLogger, systemClock, type AdapterContext, type Clock, type ClockTimer, type Logger, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { completeAlertingOptions, type AlertingAdapterOptions, type CompleteAlertingOptions } from './alerting-options.js';
import { ChangeNote } from './change-note.js';
import { IncidentBook } from './incident-book.js';
import { MetricsWatch } from './metrics-watch.js';
import { Outbox } from './outbox.js';
import { OutcomeLog } from './outcome-log.js';
import { isAlert, isEvent, type PagerAlert } from './pager-alert.js';
import { PagerSender, type Told } from './pager-sender.js';
import { beginsProcess, concernsRule, factOf, rotatedKey, signalsOf, type Signal } from './rules.js';

/** Events, and alerts, remembered: one that comes again is not counted again. */
const REMEMBERED = 10_000;
const CLOSE_MS = 5_000;
/** For a sink that failed the last time already. */
const FAILING_CLOSE_MS = 2_000;
const CLOSE_RETRY_MS = 250;
const SHOWN_KEYS = 20;

/**
 * Incidents of PagerDuty that open and resolve with what happens in a mesh. It says whether something is wrong, and not each event: one incident for each rule and target, however often it happens.
 * `logEvents` resolves when the calls that the events caused are made, or wait for PagerDuty's limit alone, which the clock will end.
 */
export class AlertingAdapter implements ManagedAdapter {
  readonly name = 'pagerduty';
  readonly #options: CompleteAlertingOptions;
  readonly #book: IncidentBook;
  readonly #notes = new Map<string, ChangeNote>();
  readonly #outbox: Outbox<Told>;
  readonly #sender: PagerSender;
  readonly #seen = new Map<string, readonly Told[]>();
  readonly #watch: MetricsWatch;
  #context: AdapterContext | undefined;
  #saidNoChanges = false;
  #closing: Promise<void> | undefined;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(options: AlertingAdapterOptions) {
    const complete = completeAlertingOptions(options);
    const { rules, environment, instance } = complete;
    const clock = (): Clock => this.#clock;
    const logger = (): Logger => this.#logger;
    const outcomes = new OutcomeLog(clock, logger);
    const sender = new PagerSender({ ...complete, clock });
    this.#options = complete;
    this.#sender = sender;
    this.#book = new IncidentBook({ rules, environment, instance, onForgotten: (incident) => this.#outbox.forget(incident) });
    this.#outbox = new Outbox<Told>({ clock, send: (teller, call, signal) => sender.send(teller, call, signal), onOutcome: (error, teller) => outcomes.say(error, teller, this.#closing !== undefined) });
    this.#watch = new MetricsWatch({ rules, book: this.#book, isOnly: instance !== undefined, clock, logger, touch: (incident) => this.#outbox.touch(incident), onLook: () => this.#outbox.pump() });
  }

  /** Whether a rule or a change event is about it, or a process begins with it. */
  accepts(event: MeshAuditEvent): boolean {
    return concernsRule(event, this.#options.rules) || rotatedKey(event) !== undefined || beginsProcess(event);
  }

  /** @throws MeshError as `logEvents()` */
  async logEvent(event: MeshAuditEvent): Promise<void> {
    await this.logEvents([event]);
  }

  /**
   * All or nothing, and each event once: one that comes again is not counted again, but waited for.
   * @throws MeshError `adapter_failed`, `adapter_timeout`: not told yet, and tried again by itself, too; `sink_refused`, `sink_unauthenticated`: not taken, for good
   */
  async logEvents(events: readonly MeshAuditEvent[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#refuseIfClosed();
    signal?.throwIfAborted();
    if (!Array.isArray(events) || !events.every(isEvent)) throw new MeshError('adapter_failed', 'that is no audit event', { retryable: false });
    const tellers = new Set<Told>();
    for (const event of events) for (const teller of this.#apply(event)) tellers.add(teller);
    await this.#outbox.settled(tellers, signal);
  }

  /**
   * Opens the incident of an alert, as the `notify` of mesh-audit's AlertRulesAdapter. It is resolved when no alert of the same key came for 15 minutes.
   * @throws MeshError as `logEvents()`
   */
  async notify(alert: PagerAlert): Promise<void> {
    this.#refuseIfClosed();
    if (!isAlert(alert)) throw new MeshError('adapter_failed', 'that is no alert', { retryable: false });
    const id = `alert/${alert.id}`;
    const { rule, serviceId, severity, summary, dedupKey, count, event } = alert;
    const make = (): readonly Told[] => {
      const signal: Signal = { level: 'raise', rule: 'alert', service: serviceId, target: rule, part: '', adopts: false, severity, weight: Math.max(1, count), fact: factOf(event) };
      const incident = this.#book.apply(signal, this.#clock.monotonic(), dedupKey);
      if (incident === undefined) return [];
      incident.summary = summary;
      return [incident];
    };
    await this.#outbox.settled(this.#once(id, make));
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- so that what it throws is a rejection
  async start(context: AdapterContext): Promise<void> {
    if (this.#closing !== undefined || this.#context !== undefined) return;
    this.#context = context;
    this.#watch.start(context);
  }

  /** Tells what waits, as far as PagerDuty's limit lets it. @throws MeshError as `logEvents()` */
  async flush(): Promise<void> {
    if (this.#closing !== undefined) return;
    this.#watch.look();
    await this.#outbox.flush();
  }

  /** Tells what waits within 5 s, and logs what it could not. Open incidents stay open: that a process ends mends nothing. Safe to call twice. */
  close(): Promise<void> {
    return (this.#closing ??= holdProcess(() => this.#close()));
  }

  async #close(): Promise<void> {
    this.#watch.stop();
    for (const incident of this.#book.incidents) {
      incident.endHold(this.#clock.monotonic());
      this.#outbox.touch(incident);
    }
    await this.#tellAll(this.#outbox.isFailing ? FAILING_CLOSE_MS : CLOSE_MS);
    const untold = [...new Set([...this.#outbox.untold, ...[...this.#book.incidents].filter((incident) => incident.isUntold)])].map(({ key }) => key);
    this.#outbox.close();
    this.#sender.close();
    if (untold.length > 0) this.#logger.error(`PagerDuty was not told of ${untold.length} incident(s) before the end`, { keys: untold.slice(0, SHOWN_KEYS) });
    const open = [...this.#book.incidents].filter((incident) => incident.isOpen).map(({ key }) => key);
    if (open.length > 0) this.#logger.info(`${open.length} incident(s) are left open at PagerDuty`, { keys: open.slice(0, SHOWN_KEYS) });
  }

  async #tellAll(withinMs: number): Promise<void> {
    const clock = this.#clock;
    const until = clock.monotonic() + withinMs;
    const timers = new Set<ClockTimer>();
    const pause = (ms: number): Promise<'late'> => new Promise((resolve) => timers.add(clock.setTimeout(() => resolve('late'), ms)));
    const deadline = pause(withinMs);
    while (this.#outbox.untold.length > 0) {
      const flushed = this.#outbox.flush().then(() => 'over', () => 'over');
      if ((await Promise.race([flushed, deadline])) === 'late' || this.#outbox.untold.length === 0) break;
      const waitMs = Math.max(CLOSE_RETRY_MS, this.#outbox.resumesInMs());
      if (clock.monotonic() + waitMs >= until) break;
      await pause(waitMs);
    }
    for (const timer of timers) timer.cancel();
  }

  #apply(event: MeshAuditEvent): readonly Told[] {
    return this.#once(event.id, () => {
      const now = this.#clock.monotonic();
      if (beginsProcess(event)) return this.#book.restarted(event.serviceId, now);
      const tellers: Told[] = [];
      for (const signal of signalsOf(event, this.#options.rules)) tellers.push(...this.#signal(signal, now));
      const keyType = rotatedKey(event);
      if (keyType !== undefined) tellers.push(...this.#note(event, keyType));
      return tellers;
    });
  }

  #once(id: string, make: () => readonly Told[]): readonly Told[] {
    const known = this.#seen.get(id);
    if (known !== undefined) return known;
    const tellers = make();
    for (const teller of tellers) this.#outbox.touch(teller);
    if (tellers.length > 0) this.#seen.set(id, tellers);
    if (this.#seen.size > REMEMBERED) this.#seen.delete(this.#seen.keys().next().value as string);
    return tellers;
  }

  #signal(signal: Signal, now: number): readonly Told[] {
    const incident = this.#book.apply(signal, now);
    return incident === undefined ? [] : [incident];
  }

  #note(event: MeshAuditEvent, keyType: 'static' | 'certificate'): readonly Told[] {
    if (!this.#options.takesChanges) {
      if (!this.#saidNoChanges) this.#logger.info('an integration key that begins with R takes no change events: PagerDuty is not told of rotations');
      this.#saidNoChanges = true;
      return [];
    }
    const note = this.#notes.get(event.serviceId + keyType) ?? new ChangeNote(event.serviceId, keyType);
    // A mesh has one service; whoever uses the adapter otherwise is not to fill it.
    if (this.#notes.size < 1_000) this.#notes.set(event.serviceId + keyType, note);
    note.add(factOf(event));
    return [note];
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined) throw new MeshError('adapter_failed', 'the PagerDuty adapter is closed', { retryable: false });
  }

  get #clock(): Clock {
    return this.#options.clock ?? this.#context?.clock ?? systemClock;
  }

  get #logger(): Logger {
    return new SafeLogger(this.#options.logger ?? this.#context?.logger ?? stderrLogger);
  }
}
