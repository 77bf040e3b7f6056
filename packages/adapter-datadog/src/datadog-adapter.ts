import { hostname as machineName } from 'node:os';
import { holdProcess, MeshError, SafeLogger, stderrLogger, systemClock, UnderWay, type AdapterContext, type Clock, type Logger, type ManagedAdapter, type MeshAuditEvent, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { BatchOutcomes, HttpSink, userAgentOf } from '@lemur-bookstores/mesh-sink';
import { resolveDatadogOptions, type DatadogAdapterOptions, type DatadogSettings } from './datadog-adapter-options.js';
import { DatadogIntake, type Piece } from './datadog-intake.js';
import { encodeLog, type LogOrigin } from './datadog-log.js';
import { DatadogMetrics } from './datadog-metrics.js';
import { tagOf } from './datadog-tags.js';
import { VERSION } from './version.js';

/** Of a request to the logs intake: 5 MB and 1,000 entries. https://docs.datadoghq.com/api/latest/logs/#send-logs */
const MAX_LOGS_BYTES = 5_000_000;
const MAX_LOGS = 1_000;
/** Of a request to the metrics intake: 5,242,880 bytes, packed 512,000. Series are packed to a tenth; one that is not is answered 413, and halved. */
const MAX_SERIES_BYTES = 2_500_000;
const MAX_SERIES = 10_000;
/** Nobody waits long for the end of a mesh. */
const LAST_METRICS_MS = 1_000;

/** Sends audit events to Datadog as logs, and the metrics of a mesh as series. What it takes Datadog has taken over (202), which is no proof that it is stored: not `durable`. */
export class DatadogAdapter implements ManagedAdapter {
  readonly name = 'datadog';
  readonly durable = false;
  /**
   * Resolves when Datadog has taken the series over. Left out with `metrics: false`.
   * @throws MeshError as `logEvents` does; what was counted is in the next submission then
   */
  readonly logMetrics?: (metrics: MetricsSnapshot) => Promise<void>;
  readonly #settings: DatadogSettings;
  readonly #sink: HttpSink;
  readonly #logs: DatadogIntake;
  readonly #metrics: DatadogMetrics;
  readonly #outcomes = new BatchOutcomes();
  readonly #underWay = new UnderWay();
  #clock: Clock;
  #logger: Logger;
  #context: AdapterContext | undefined;
  #origin: LogOrigin | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Does no I/O.
   * @throws MeshError `invalid_option` that names every problem
   */
  constructor(options: DatadogAdapterOptions) {
    this.#settings = resolveDatadogOptions(options);
    const { apiKey, service, tags, metrics, logsUrl, metricsUrl, agent, ca, timeoutMs } = this.#settings;
    this.#clock = this.#settings.clock ?? systemClock;
    this.#logger = new SafeLogger(this.#settings.logger ?? stderrLogger);
    const clock = (): Clock => this.#clock;
    this.#sink = new HttpSink({ noun: 'Datadog', userAgent: userAgentOf('adapter-datadog', VERSION), clock, agent, ca, timeoutMs });
    this.#logs = new DatadogIntake({ sink: this.#sink, url: logsUrl, apiKey, clock, open: '[', close: ']', maxBytes: MAX_LOGS_BYTES, maxPieces: MAX_LOGS });
    const intake = new DatadogIntake({ sink: this.#sink, url: metricsUrl, apiKey, clock, open: '{"series":[', close: ']}', maxBytes: MAX_SERIES_BYTES, maxPieces: MAX_SERIES });
    this.#metrics = new DatadogMetrics({ intake, clock, logger: () => this.#logger, hostname: () => this.#hostname(), tags: [tagOf('service', service), ...tags] });
    if (metrics) this.logMetrics = (snapshot) => this.#underWay.track(this.#submit(snapshot));
  }

  /** Takes over the mesh's clock and logger, unless they were given. */
  start(context: AdapterContext): Promise<void> {
    this.#clock = this.#settings.clock ?? context.clock;
    this.#logger = new SafeLogger(this.#settings.logger ?? context.logger);
    this.#context = context;
    this.#metrics.begin();
    return Promise.resolve();
  }

  /**
   * Resolves when Datadog has taken the event over.
   * @throws MeshError `adapter_failed` and `adapter_timeout` (retryable: not reached, 408, 429, 5xx); `sink_unauthenticated`, `sink_refused`, `sink_too_large`, and
   * `adapter_failed` for what is no event and once closed (permanent)
   */
  logEvent(event: MeshAuditEvent): Promise<void> {
    return this.#underWay.track(this.#deliver([event], undefined));
  }

  /** The same for several, in their order. Rejects unless Datadog has all of them; those that it has are not sent again when they come again. */
  logEvents(events: readonly MeshAuditEvent[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#underWay.track(this.#deliver(events, signal));
  }

  /** Waits for the deliveries under way; the process stays for it. Never rejects. */
  async flush(): Promise<void> {
    await holdProcess(() => this.#underWay.ended());
  }

  /**
   * Waits for the deliveries under way, sends what was counted since the last snapshot, for a second at most, and ends the connections; the process stays for it. Never
   * rejects; safe to call twice.
   */
  close(): Promise<void> {
    this.#closing ??= holdProcess(() => Promise.all([this.flush(), this.#submitLast()])).then(() => this.#sink.close());
    return this.#closing;
  }

  async #deliver(events: readonly MeshAuditEvent[], signal: AbortSignal | undefined): Promise<void> {
    this.#refuseIfClosed();
    signal?.throwIfAborted();
    const taken: string[] = [];
    let refusal: MeshError | undefined;
    const pieces: Piece[] = [];
    const now = this.#clock.now();
    for (const event of events) {
      const piece = this.#pieceOf(event, taken, now);
      if (MeshError.is(piece)) refusal ??= piece;
      else if (piece !== undefined) pieces.push(piece);
    }
    try {
      if (pieces.length > 0) await this.#logs.post(pieces, signal);
      if (refusal !== undefined) throw refusal;
    } catch (error) {
      for (const id of taken) this.#outcomes.stored(id);
      // Alone it is halved no further, and its dead letter is written: brought again by hand, it is tried again.
      if (events.length === 1) this.#outcomes.settle(events.map(({ id }) => id));
      throw error;
    }
    this.#outcomes.settle(events.map(({ id }) => id));
  }

  /** No snapshot comes at a mesh's end. */
  async #submitLast(): Promise<void> {
    if (this.#context === undefined || this.logMetrics === undefined) return;
    const given = new AbortController();
    const timer = this.#clock.setTimeout(() => given.abort(new MeshError('adapter_timeout', `no answer within ${LAST_METRICS_MS} ms`)), LAST_METRICS_MS);
    try {
      await this.#metrics.submit(this.#context.metrics(), given.signal);
    } catch (error) {
      this.#logger.warn('Datadog did not take the last metrics of the mesh', { error: MeshError.from(error).message });
    } finally {
      timer.cancel();
    }
  }

  async #submit(snapshot: MetricsSnapshot): Promise<void> {
    this.#refuseIfClosed();
    await this.#metrics.submit(snapshot);
  }

  /** @returns `undefined` where Datadog has it already, why it was refused before */
  #pieceOf(event: MeshAuditEvent, taken: string[], now: number): Piece | MeshError | undefined {
    const outcome = this.#outcomes.of((event as MeshAuditEvent | null | undefined)?.id ?? '');
    if (outcome !== undefined) return outcome === 'stored' ? undefined : outcome;
    const { json, bytes } = encodeLog(event, this.#logOrigin(), now, this.#settings.maxEventBytes);
    const { id } = event;
    return { json, bytes, taken: () => void taken.push(id), refused: (error) => this.#outcomes.refused(id, error) };
  }

  #logOrigin(): LogOrigin {
    const { service, tags } = this.#settings;
    return (this.#origin ??= { service, hostname: this.#hostname(), ddtags: tags.join(',') });
  }

  #hostname(): string {
    return this.#settings.hostname ?? machineName();
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined) throw new MeshError('adapter_failed', 'the Datadog adapter is closed', { retryable: false });
  }
}
