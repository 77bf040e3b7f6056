import { checkAuditQuery, type AdapterContext, type AuditQuery, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { ServiceLog } from '@lemur-bookstores/mesh-log';
import { auditEvents } from './audit-query.js';
import { resolveFileAdapterOptions, type FileAdapterOptions, type FileAdapterSettings } from './file-adapter-options.js';

/**
 * Keeps audit events in a tamper-evident log on disk (PROTOCOL 7): `<directory>/<serviceId>/`, a further instance of the service in
 * `<serviceId>-2`. What it takes is durable when `logEvent` resolves, unless `sync` is `none`.
 */
export class FileAdapter implements ManagedAdapter {
  readonly name = 'file';
  /** Whether what it took survives a loss of power: with `sync: 'group'`. */
  readonly durable: boolean;
  readonly #settings: FileAdapterSettings;
  readonly #log: ServiceLog;

  /**
   * Opens nothing yet.
   * @param directory the folder of logs; a relative one is where the process is now
   * @throws MeshError `invalid_option` that names every problem
   */
  constructor(directory: string, options: FileAdapterOptions = {}) {
    this.#settings = resolveFileAdapterOptions(directory, options);
    this.#log = new ServiceLog({ noun: 'audit log', originPrefix: 'secure-stack-mesh', ...this.#settings });
    this.durable = this.#settings.sync === 'group';
  }

  /** The log's own folder, once it is open. */
  get directory(): string | undefined {
    return this.#log.directory;
  }

  /** The log's name in its checkpoints, once it is open. */
  get origin(): string | undefined {
    return this.#log.origin;
  }

  /** Verifier key of the log, once it is open: to be published, and given to `verifyAuditLog`. */
  get publicKey(): string | undefined {
    return this.#log.publicKey;
  }

  /**
   * Opens the log. Without it the first event does.
   * @throws MeshError why it cannot be opened; the next event tries again
   */
  start(context: AdapterContext): Promise<void> {
    return this.#log.start(context);
  }

  /**
   * Resolves when the event is durable.
   * @throws MeshError `log_write_failed` (the disk took nothing for 5 s), `log_tampered` (somebody else changed the log: it has stopped), `queue_full`, why
   * the log cannot be opened (all of these retryable); `log_record_invalid`, `adapter_failed` once closed (permanent)
   */
  logEvent(event: MeshAuditEvent): Promise<void> {
    return this.#log.append([event]);
  }

  /** The same for several, all or none, in order. Events whose delivery was given up and that come again stand in the log once. */
  logEvents(events: readonly MeshAuditEvent[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#log.append(events, signal);
  }

  /** Signs a checkpoint over what is logged. @throws MeshError `log_write_failed`, `log_tampered` */
  flush(): Promise<void> {
    return this.#log.flush();
  }

  /**
   * Commits what was given to it, and ends the log as complete. Where the disk takes no end, or gives no answer for 5 s, that is said in the operational log: what
   * is acknowledged is there, and the next start says what no checkpoint covers. Safe to call twice; never rejects.
   */
  close(): Promise<void> {
    return this.#log.close();
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
}
