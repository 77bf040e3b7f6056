import { MeshError, type AdapterContext, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { auditEventJson } from './audit-event-json.js';
import { CheckpointRelay } from './checkpoint-relay.js';
import type { LogWriter } from './log-writer.js';
import { asRetryable, ServiceLogOpener } from './service-log-opener.js';
import type { ServiceLogSettings } from './service-log-settings.js';
import type { SigningKeys } from './signing-key-files.js';
import { aborted, unlessAborted } from './unless-aborted.js';
import { UnsettledEvents } from './unsettled-events.js';

/**
 * The log of one service, as an adapter keeps it: `<directory>/<serviceId>/`, a further instance of the service in `<serviceId>-2`. Opened when it is first needed; what was
 * given up and comes again stands in it once; its checkpoints go to the mesh's other adapters.
 */
export class ServiceLog {
  readonly #noun: string;
  readonly #relay = new CheckpointRelay();
  readonly #opener: ServiceLogOpener;
  readonly #unsettled = new UnsettledEvents();
  #writer: LogWriter | undefined;
  #serviceId = '';
  #closed: Promise<void> | undefined;

  constructor(settings: ServiceLogSettings) {
    this.#noun = settings.noun;
    this.#opener = new ServiceLogOpener(settings, this.#relay);
  }

  /** Its own folder, once it is open. */
  get directory(): string | undefined {
    return this.#writer?.directory;
  }

  /** Its name in its checkpoints, once it is open. */
  get origin(): string | undefined {
    return this.#writer?.origin;
  }

  /** Verifier key, once it is open: to be published, and given to `verifyAuditLog`. */
  get publicKey(): string | undefined {
    return this.#writer?.publicKey;
  }

  /** What signs it, once it is open. */
  get keys(): SigningKeys | undefined {
    return this.#opener.keys;
  }

  /**
   * Opens it. Without it the first event does.
   * @throws MeshError why it cannot be opened; the next event tries again
   */
  async start(context: AdapterContext): Promise<void> {
    this.#throwIfClosed();
    this.#opener.context ??= context;
    this.#relay.emit ??= (event) => context.emit(event);
    await this.#open(context.serviceId);
  }

  /**
   * Appends events, all or none, in order, and resolves when they are durable (`sync: 'none'`: written).
   * @throws MeshError `log_write_failed` (the disk took nothing for 5 s), `log_tampered` (somebody else changed the log: it has stopped), `queue_full`, why the log
   * cannot be opened, `cancelled` or the signal's reason (all of these retryable); `log_record_invalid`, `adapter_failed` once closed (permanent)
   */
  append(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined || this.#closed !== undefined || signal !== undefined || events.length === 0 || this.#unsettled.some) return this.#appendWithCare(events, signal);
    return this.#append(writer, events, signal);
  }

  /** Signs a checkpoint over what it has. @throws MeshError `log_write_failed`, `log_tampered` */
  async flush(): Promise<void> {
    const writer = await this.#opener.opened();
    if (this.#closed === undefined && this.#relay.isBehind) await writer?.checkpoint();
  }

  /**
   * Commits what was given to it, and ends it as complete. Where the disk takes no end, or gives no answer for 5 s, that is said in the operational log: what
   * is acknowledged is there, and the next start says what no checkpoint covers. Safe to call twice; never rejects.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #appendWithCare(events: readonly MeshAuditEvent[], signal: AbortSignal | undefined): Promise<void> {
    this.#throwIfClosed();
    if (signal?.aborted === true) throw aborted(signal);
    if (events.length === 0) return;
    const writer = this.#writer ?? (await unlessAborted(this.#open(serviceOf(events)), signal));
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
      lines = events.map(auditEventJson);
    } catch (error) {
      return Promise.reject(MeshError.from(error));
    }
    return writer.append(lines, signal && { signal }).then(() => this.#relay.covers(events), refuse);
  }

  async #open(serviceId: string): Promise<LogWriter> {
    const writer = await this.#opener.open(serviceId);
    if (this.#writer === undefined) {
      this.#writer = writer;
      this.#serviceId = serviceId;
    }
    return writer;
  }

  async #close(): Promise<void> {
    const writer = await this.#opener.opened();
    // Those who waited for the opening come first.
    await new Promise((resolve) => setImmediate(resolve));
    if (writer !== undefined) await this.#opener.close(writer, this.#serviceId);
  }

  #throwIfClosed(): void {
    if (this.#closed !== undefined) throw new MeshError('adapter_failed', `the ${this.#noun} is closed`, { retryable: false });
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
