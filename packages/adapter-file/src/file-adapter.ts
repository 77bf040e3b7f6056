import { MeshError, type AdapterContext, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { LogWriter } from '@lemur-bookstores/mesh-log';
import { auditEvents, checkAuditQuery, type AuditQuery } from './audit-query.js';
import { CheckpointRelay } from './checkpoint-relay.js';
import { eventJson } from './event-json.js';
import { resolveFileAdapterOptions, type FileAdapterOptions, type FileAdapterSettings } from './file-adapter-options.js';
import { asRetryable, LogOpener } from './log-opener.js';
import { UnsettledEvents } from './unsettled-events.js';
import { aborted, unlessAborted } from './unless-aborted.js';

/**
 * Keeps audit events in a tamper-evident log on disk (PROTOCOL 7): `<directory>/<serviceId>/`, a further instance of the service in
 * `<serviceId>-2`. What it takes is durable when `logEvent` resolves, unless `sync` is `none`.
 */
export class FileAdapter implements ManagedAdapter {
  readonly name = 'file';
  /** Whether what it took survives a loss of power: with `sync: 'group'`. */
  readonly durable: boolean;
  readonly #settings: FileAdapterSettings;
  readonly #relay = new CheckpointRelay();
  readonly #opener: LogOpener;
  readonly #unsettled = new UnsettledEvents();
  #writer: LogWriter | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Opens nothing yet.
   * @param directory the folder of logs; a relative one is where the process is now
   * @throws MeshError `invalid_option` that names every problem
   */
  constructor(directory: string, options: FileAdapterOptions = {}) {
    this.#settings = resolveFileAdapterOptions(directory, options);
    this.#opener = new LogOpener(this.#settings, this.#relay);
    this.durable = this.#settings.sync === 'group';
  }

  /** The log's own folder, once it is open. */
  get directory(): string | undefined {
    return this.#writer?.directory;
  }

  /** The log's name in its checkpoints, once it is open. */
  get origin(): string | undefined {
    return this.#writer?.origin;
  }

  /** Verifier key of the log, once it is open: to be published, and given to `verifyAuditLog`. */
  get publicKey(): string | undefined {
    return this.#writer?.publicKey;
  }

  /**
   * Opens the log. Without it the first event does.
   * @throws MeshError why it cannot be opened; the next event tries again
   */
  async start(context: AdapterContext): Promise<void> {
    this.#throwIfClosed();
    this.#opener.context ??= context;
    this.#relay.emit ??= (event) => context.emit(event);
    this.#writer = await this.#opener.open(context.serviceId);
  }

  /**
   * Resolves when the event is durable.
   * @throws MeshError `log_write_failed` (the disk took nothing for 5 s), `log_tampered` (somebody else changed the log: it has stopped), `queue_full`, why
   * the log cannot be opened (all of these retryable); `log_record_invalid`, `adapter_failed` once closed (permanent)
   */
  logEvent(event: MeshAuditEvent): Promise<void> {
    return this.#log([event], undefined);
  }

  /** The same for several, all or none, in order. Events whose delivery was given up and that come again stand in the log once. */
  async logEvents(events: readonly MeshAuditEvent[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.#log(events, signal);
  }

  /** Signs a checkpoint over what is logged. @throws MeshError `log_write_failed`, `log_tampered` */
  async flush(): Promise<void> {
    const writer = await this.#opener.opened();
    if (this.#closed === undefined && this.#relay.isBehind) await writer?.checkpoint();
  }

  /**
   * Commits what was given to it, and ends the log as complete. Where the disk takes no end, or gives no answer for 5 s, that is said in the operational log: what
   * is acknowledged is there, and the next start says what no checkpoint covers. Safe to call twice; never rejects.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /**
   * The events of all logs in the directory, from the oldest on, compressed segments included: as a stream, also while the logs are written, before the first
   * event and after `close()`. Whether they are genuine `verifyAuditLog` says.
   * @throws MeshError `invalid_option` at once; `log_tampered` for a file that cannot be read
   */
  query(filter: AuditQuery = {}): AsyncIterableIterator<MeshAuditEvent> {
    checkAuditQuery(filter);
    return auditEvents(this.#settings.directory, filter, this.#settings.fileSystem);
  }

  #log(events: readonly MeshAuditEvent[], signal: AbortSignal | undefined): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined || this.#closed !== undefined || signal !== undefined || this.#unsettled.some) return this.#logWithCare(events, signal);
    return this.#append(writer, events, signal);
  }

  async #logWithCare(events: readonly MeshAuditEvent[], signal: AbortSignal | undefined): Promise<void> {
    this.#throwIfClosed();
    if (signal?.aborted === true) throw aborted(signal);
    if (events.length === 0) return;
    const writer = (this.#writer ??= await unlessAborted(this.#opener.open(serviceOf(events)), signal));
    const missing = this.#unsettled.some ? await unlessAborted(this.#unsettled.missing(events), signal) : events;
    if (missing.length > 0) {
      const appended = this.#append(writer, missing, signal);
      await unlessAborted(appended, signal, () => this.#unsettled.add(missing, appended));
    }
    if (this.#unsettled.some) this.#unsettled.settle(events);
  }

  /** No promise and no closure more than it takes: hundreds of thousands a second come through here. */
  #append(writer: LogWriter, events: readonly MeshAuditEvent[], signal: AbortSignal | undefined): Promise<void> {
    let lines: string[];
    try {
      lines = events.map(eventJson);
    } catch (error) {
      return Promise.reject(MeshError.from(error));
    }
    return writer.append(lines, signal && { signal }).then(() => this.#relay.covers(events), refuse);
  }

  async #close(): Promise<void> {
    const writer = await this.#opener.opened();
    // Those who waited for the opening come first.
    await new Promise((resolve) => setImmediate(resolve));
    if (writer !== undefined) await this.#opener.close(writer);
  }

  #throwIfClosed(): void {
    if (this.#closed !== undefined) throw new MeshError('adapter_failed', 'the file adapter is closed', { retryable: false });
  }
}

/** Whose event is the first. @throws MeshError `log_record_invalid` */
function serviceOf([event]: readonly (Partial<MeshAuditEvent> | null | undefined)[]): string {
  if (typeof event?.serviceId === 'string') return event.serviceId;
  throw new MeshError('log_record_invalid', 'the event cannot be logged: it has no serviceId');
}

/**
 * What a lane is to make of it. A log that has stopped takes nothing more, but its events are not at fault: they wait, in the spill even for the next process,
 * rather than be thrown away as dead letters at once.
 */
function refuse(cause: unknown): never {
  const error = MeshError.from(cause);
  throw error.reason === 'log_tampered' || error.reason === 'cancelled' ? asRetryable(error) : error;
}
