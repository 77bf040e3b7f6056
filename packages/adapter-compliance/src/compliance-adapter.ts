import { dirname, resolve } from 'node:path';
import { MeshError, SafeLogger, stderrLogger, systemClock, type AdapterContext, type Clock, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { ServiceLog } from '@lemur-bookstores/mesh-log';
import { resolveComplianceAdapterOptions, type ComplianceAdapterOptions, type ComplianceAdapterSettings } from './compliance-adapter-options.js';
import { AuditLogHeads } from './ledger/audit-log-heads.js';
import { Heartbeat } from './ledger/heartbeat.js';
import { isKept, keptEvents } from './ledger/kept-events.js';
import { ledgerEntry, LEDGER_ACTIONS, ORIGIN_PREFIX } from './ledger/ledger-entry.js';
import { signReport } from './output/report-files.js';
import { writeReportFiles, type WrittenReport } from './output/write-report.js';
import type { ComplianceReport, ReportPeriod } from './report/compliance-report.js';
import { readKeyEvent } from './report/key-event.js';
import { reportFromLedger } from './report/report-from-ledger.js';

/**
 * Keeps a ledger of every key of a service and of what became of it, tamper-evident and durable (PROTOCOL 7), and makes signed reports from it. Keeps events of type `key_rotation`, and what says
 * whether they were recorded: starts, stops and gaps of the audit trail, checkpoints of the audit log.
 */
export class ComplianceAdapter implements ManagedAdapter {
  readonly name = 'compliance';
  /** An event that it took survives a loss of power; of the audit log's checkpoints, one a minute and the newest when it is flushed. */
  readonly durable = true;
  readonly #settings: ComplianceAdapterSettings;
  readonly #log: ServiceLog;
  readonly #heads = new AuditLogHeads();
  readonly #heartbeat: Heartbeat;
  #context: AdapterContext | undefined;
  #serviceId = '';
  #saidUnreadable = false;

  /**
   * Opens nothing yet.
   * @throws MeshError `invalid_option` that names every problem; of an unknown standard or requirement it says which there are
   */
  constructor(options: ComplianceAdapterOptions) {
    this.#settings = resolveComplianceAdapterOptions(options);
    const { found, heartbeatMs, directory, ...more } = this.#settings;
    this.#log = new ServiceLog({
      ...more,
      noun: 'evidence ledger',
      // A path of the mesh is where the process is when the ledger is opened, as it is for the mesh itself.
      directory: directory ?? ((context) => resolve(context?.paths.logsDir ?? './logs', 'compliance')),
      originPrefix: ORIGIN_PREFIX,
      rotation: 'daily',
      timezone: 'utc',
      compress: true,
      sync: 'group',
      opening: (serviceId) => [ledgerEntry(LEDGER_ACTIONS.started, serviceId, this.#clock.now(), { standard: found.standard.id, requirement: found.requirement.id, heartbeatMs })],
      closing: (serviceId) => [...this.#heads.unwritten, ledgerEntry(LEDGER_ACTIONS.stopped, serviceId, this.#clock.now())],
    });
    this.#heartbeat = new Heartbeat(heartbeatMs, () => this.#log.append([ledgerEntry(LEDGER_ACTIONS.alive, this.#serviceId, this.#clock.now())]));
  }

  /** The ledger's own folder, once it is open. */
  get directory(): string | undefined {
    return this.#log.directory;
  }

  /** The ledger's name in its checkpoints, once it is open. */
  get origin(): string | undefined {
    return this.#log.origin;
  }

  /** Verifier key of ledger and reports, once the ledger is open: to be published. */
  get publicKey(): string | undefined {
    return this.#log.publicKey;
  }

  /** Everything that happens to keys, and what tells of the audit trail itself. */
  accepts(event: MeshAuditEvent): boolean {
    return isKept(event);
  }

  /**
   * Opens the ledger. Without it the first event does.
   * @throws MeshError why it cannot be opened; the next event tries again
   */
  async start(context: AdapterContext): Promise<void> {
    this.#context ??= context;
    await this.#log.start(context);
    this.#opened(context.serviceId);
  }

  /**
   * Resolves when the ledger has the event. One that it does not keep is passed over.
   * @throws MeshError as the file adapter: `log_write_failed`, `log_tampered`, `queue_full`, why the ledger cannot be opened (retryable); `log_record_invalid`, `adapter_failed` once closed
   */
  logEvent(event: MeshAuditEvent): Promise<void> {
    return this.#keep([event], undefined);
  }

  /** The same for several, all or none, in order. */
  logEvents(events: readonly MeshAuditEvent[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#keep(events, signal);
  }

  /** Writes the newest checkpoint of each audit log, and signs what the ledger has. @throws MeshError `log_write_failed`, `log_tampered` */
  async flush(): Promise<void> {
    const heads = this.#heads.unwritten;
    if (heads.length > 0) await this.#append(heads, undefined);
    await this.#log.flush();
  }

  /** Says in the ledger that it ends, and ends it as complete. Waits no longer than 5 s for a disk that hangs. Safe to call twice; never rejects. */
  close(): Promise<void> {
    this.#heartbeat.stop();
    return this.#log.close();
  }

  /**
   * Makes a report of this service's ledgers, those of its other instances in the same folder included: also after `close()`.
   * @throws MeshError `invalid_option` for a period that is none, `not_initialized` before the ledger was open, `log_tampered` where it does not verify
   */
  async report(period: ReportPeriod): Promise<ComplianceReport> {
    const { directory, keys } = this.#log;
    if (directory === undefined || keys === undefined) throw new MeshError('not_initialized', 'the evidence ledger is not open: a report can be made once the mesh has started, or from its folder by reportFromLedger()');
    await this.flush().catch(() => undefined);
    const { found, fileSystem } = this.#settings;
    return reportFromLedger(dirname(directory), period, {
      standard: found.standard.id,
      requirement: found.requirement.id,
      service: this.#serviceId,
      publicKey: [keys.key, ...keys.previousKeys].map(({ publicKey }) => publicKey.toString('base64')),
      clock: this.#clock,
      fileSystem,
    });
  }

  /**
   * The same as JSON, CSV and HTML, signed by the ledger's key, into a folder: nothing in it is replaced.
   * @throws MeshError as {@link report}; `invalid_option` where the folder has a report of that period already; Node's error where it cannot be written
   */
  async writeReport({ directory, ...period }: ReportPeriod & { readonly directory: string }): Promise<WrittenReport & { readonly contentSha256: string }> {
    const report = await this.report(period);
    const { keys } = this.#log;
    if (keys === undefined) throw new MeshError('not_initialized', 'the evidence ledger is not open');
    const files = signReport(report, keys.key);
    return { ...(await writeReportFiles(report, files, directory)), contentSha256: files.contentSha256 };
  }

  async #keep(events: readonly MeshAuditEvent[], signal: AbortSignal | undefined): Promise<void> {
    const kept = keptEvents(events);
    if (!this.#saidUnreadable) this.#lookAtIds(kept);
    await this.#append(this.#heads.thin(kept, this.#clock.monotonic()), signal);
  }

  async #append(events: readonly MeshAuditEvent[], signal: AbortSignal | undefined): Promise<void> {
    await this.#log.append(events, signal);
    if (events.length === 0) return;
    this.#heads.written(events, this.#clock.monotonic());
    this.#opened(events[0]?.serviceId ?? '');
    this.#heartbeat.wrote();
  }

  #opened(serviceId: string): void {
    if (this.#serviceId === '') this.#serviceId = serviceId;
    this.#heartbeat.start(this.#clock);
  }

  /** Without ids a report has nothing to say. */
  #lookAtIds(events: readonly MeshAuditEvent[]): void {
    if (!events.some((event) => readKeyEvent(event as unknown as Readonly<Record<string, unknown>>) === 'unreadable')) return;
    this.#saidUnreadable = true;
    const logger = new SafeLogger(this.#settings.logger ?? this.#context?.logger ?? stderrLogger);
    logger.warn('events of type key_rotation come to the evidence ledger without a readable keyId or keyType: redaction must not mask them', { adapter: this.name });
  }

  get #clock(): Clock {
    return this.#settings.clock ?? this.#context?.clock ?? systemClock;
  }
}
