import {
  MeshError, SafeLogger, stderrLogger, systemClock, UnderWay, type AdapterContext, type AuditQuery, type Clock, type Logger, type ManagedAdapter, type MeshAuditEvent,
} from '@lemur-bookstores/mesh-interface';
import { AuditSearch } from './audit-search.js';
import { BulkSender } from './bulk-sender.js';
import { ElasticConnection } from './elastic-connection.js';
import { resolveElasticsearchOptions, type ElasticsearchAdapterOptions } from './elasticsearch-adapter-options.js';
import { IndexSetup } from './index-setup.js';

/** As long as a lane gives a delivery. */
const SINGLE_TIMEOUT_MS = 10_000;

/** Keeps audit events in Elasticsearch, in an index or a data stream: each exactly once, as an ECS document. What it takes is on the server's disk when `logEvent` resolves. */
export class ElasticsearchAdapter implements ManagedAdapter {
  readonly name = 'elasticsearch';
  /** An acknowledged bulk is in the translog, synced: `index.translog.durability: request`, which the template has. */
  readonly durable = true;
  readonly #connection: ElasticConnection;
  readonly #setup: IndexSetup;
  readonly #sender: BulkSender;
  readonly #search: AuditSearch;
  readonly #underWay = new UnderWay();
  readonly #clock: () => Clock;
  #meshClock: Clock = systemClock;
  #logger: Logger = stderrLogger;
  #closing: Promise<void> | undefined;

  /**
   * Connects to nothing yet.
   * @throws MeshError `invalid_option` that names every problem
   */
  constructor(options: ElasticsearchAdapterOptions) {
    const settings = resolveElasticsearchOptions(options);
    const clock = (): Clock => settings.clock ?? this.#meshClock;
    this.#clock = clock;
    this.#connection = new ElasticConnection(settings, clock);
    this.#sender = new BulkSender(this.#connection, settings, clock);
    this.#setup = new IndexSetup(this.#connection, settings, clock, () => new SafeLogger(settings.logger ?? this.#logger), (index) => this.#sender.written(index));
    this.#search = new AuditSearch(this.#connection, settings, clock);
  }

  /** Connects to nothing either: the first events do. */
  // eslint-disable-next-line @typescript-eslint/require-await -- the interface's
  async start({ logger, clock }: AdapterContext): Promise<void> {
    this.#logger = logger;
    this.#meshClock = clock;
  }

  /** Resolves when Elasticsearch has the event on disk; within 10 s. @throws MeshError as {@link logEvents} */
  async logEvent(event: MeshAuditEvent): Promise<void> {
    const controller = new AbortController();
    const timer = this.#clock().setTimeout(() => controller.abort(new MeshError('adapter_timeout', `Elasticsearch did not take the event within ${SINGLE_TIMEOUT_MS} ms`, { retryable: true })), SINGLE_TIMEOUT_MS);
    try {
      await this.logEvents([event], { signal: controller.signal });
    } finally {
      timer.cancel();
    }
  }

  /**
   * The same for several. Where some are stored and others are not, it rejects and remembers which: those that come again are not sent again.
   * @throws MeshError `adapter_failed`, `adapter_timeout` (retryable); `sink_refused`, `sink_too_large`, `sink_unauthenticated`, `adapter_failed` once closed (permanent)
   */
  async logEvents(events: readonly MeshAuditEvent[], { signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#closing !== undefined) throw new MeshError('adapter_failed', 'the Elasticsearch adapter is closed', { retryable: false });
    if (!Array.isArray(events) || !(events as readonly unknown[]).every(isEvent)) throw new MeshError('sink_refused', 'that is no audit event', { retryable: false });
    if (events.length === 0) return;
    await this.#underWay.track(this.#deliver(events, signal));
  }

  /** Resolves when no delivery is under way. */
  async flush(): Promise<void> {
    await this.#underWay.ended();
  }

  /** Waits for deliveries under way and ends its connections; not those of a client of yours. Safe to call twice. */
  close(): Promise<void> {
    return (this.#closing ??= this.flush().then(() => this.#connection.close()));
  }

  /**
   * The events that were logged here, by whichever process, oldest first, as a stream. What was logged less than a second ago may be missing: Elasticsearch finds it at the next refresh.
   * @throws MeshError `invalid_option` at once; `adapter_failed` (retryable), `sink_unauthenticated`, `adapter_failed` (permanent) that names a document which is no event
   */
  query(filter: AuditQuery = {}): AsyncIterableIterator<MeshAuditEvent> {
    return this.#search.events(filter);
  }

  async #deliver(events: readonly MeshAuditEvent[], signal: AbortSignal): Promise<void> {
    await this.#setup.done(signal);
    await this.#sender.send(events, signal);
  }
}

const isEvent = (event: unknown): boolean => isObject(event) && isObject((event as Partial<MeshAuditEvent>).details);

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
