import { isAbsolute, join, relative, resolve } from 'node:path';
import { MeshError, SafeLogger, defaultKeysDir, stderrLogger, systemClock, type AdapterContext, type Clock, type ClockTimer, type Logger, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { auditEventJson } from './audit-event-json.js';
import type { CheckpointRelay } from './checkpoint-relay.js';
import { LogWriter } from './log-writer.js';
import { logFolder, logNaming } from './service-log-names.js';
import type { ServiceLogSettings } from './service-log-settings.js';
import { openSigningKeys, type SigningKeys } from './signing-key-files.js';

/** A log that could not be opened is not tried again sooner: it may take reading all of its last segment. */
const REOPEN_MS = 1000;
/** How long the disk may take nothing before events are given back to who delivers them: below a lane's deadline of 10 s, so that it hears why. */
const PATIENCE_MS = 5000;

/** How long closing may take. */
const CLOSE_MS = 5000;

/** `failed`: it could not be opened, and is tried again when it is needed after `until`, on the monotonic clock. */
type OpenerState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'opening'; readonly writer: Promise<LogWriter> }
  | { readonly kind: 'failed'; readonly error: MeshError; readonly until: number }
  | { readonly kind: 'open'; readonly writer: Promise<LogWriter> };

/** Opens a service's log when it is first needed. One attempt at a time; after one that failed the next need makes another. */
export class ServiceLogOpener {
  readonly #settings: ServiceLogSettings;
  readonly #relay: CheckpointRelay;
  #state: OpenerState = { kind: 'closed' };
  /** What the operational log was told last. */
  #said: string | undefined;
  #keys: SigningKeys | undefined;
  context: AdapterContext | undefined;

  constructor(settings: ServiceLogSettings, relay: CheckpointRelay) {
    this.#settings = settings;
    this.#relay = relay;
  }

  /** @throws MeshError why it could not be opened: retryable, whatever it is, because the next attempt finds what was done about it */
  open(serviceId: string): Promise<LogWriter> {
    const state = this.#state;
    if (state.kind === 'opening' || state.kind === 'open') return state.writer;
    const now = this.#clock.monotonic();
    if (state.kind === 'failed' && now < state.until) return Promise.reject(asRetryable(state.error, state.until - now));
    const writer = this.#open(serviceId).then(
      (opened) => {
        this.#state = { kind: 'open', writer };
        this.#said = undefined;
        return opened;
      },
      (cause: unknown) => {
        const error = MeshError.is(cause) ? cause : MeshError.from(cause, 'log_write_failed');
        this.#state = { kind: 'failed', error, until: this.#clock.monotonic() + REOPEN_MS };
        this.#complain(error);
        throw asRetryable(error, REOPEN_MS);
      },
    );
    this.#state = { kind: 'opening', writer };
    return writer;
  }

  /** What signs the log, once it was open. */
  get keys(): SigningKeys | undefined {
    return this.#keys;
  }

  /** The writer, where one is or is being opened. Waits for it, and never rejects. */
  async opened(): Promise<LogWriter | undefined> {
    const state = this.#state;
    return state.kind === 'opening' || state.kind === 'open' ? state.writer.catch(() => undefined) : undefined;
  }

  /** Closes it, and waits no longer than {@link CLOSE_MS} for a disk that hangs. Never rejects. */
  async close(writer: LogWriter, serviceId: string): Promise<void> {
    let timer: ClockTimer | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = this.#clock.setTimeout(() => reject(new MeshError('log_write_failed', `the disk gives no answer for ${CLOSE_MS} ms`)), CLOSE_MS);
    });
    try {
      await Promise.race([this.#end(writer, serviceId), late]);
    } catch (error) {
      this.#logger.error(`the ${this.#settings.noun} could not be closed: the next start will say what no checkpoint covers`, { directory: writer.directory, error: MeshError.from(error).message });
    } finally {
      timer?.cancel();
    }
  }

  /** Whatever becomes of the last words, the log is closed. */
  async #end(writer: LogWriter, serviceId: string): Promise<void> {
    try {
      await this.#say(writer, this.#settings.closing?.(serviceId));
    } finally {
      await writer.close();
    }
  }

  async #open(serviceId: string): Promise<LogWriter> {
    const { noun, originPrefix, rotation, timezone, retention, compress, sync, origin, fileSystem, onCheckpoint } = this.#settings;
    const folder = join(this.#directory, logFolder(serviceId));
    const logger = this.#logger;
    const keys = await this.#openKeys(folder);
    const writer = await LogWriter.open({
      directory: folder,
      origin:
        origin ?? logNaming(originPrefix, serviceId, (other) => logger.warn(`a folder for the ${noun} of '${serviceId}' holds another log, and the next one is taken`, { folder, origin: other })),
      ...keys,
      rotation,
      timezone,
      retentionDays: retention,
      compress,
      sync,
      patienceMs: PATIENCE_MS,
      clock: this.#clock,
      logger,
      ...(fileSystem !== undefined && { fileSystem }),
      onCheckpoint: (checkpoint) => {
        this.#relay.onCheckpoint(checkpoint);
        onCheckpoint?.(checkpoint);
      },
    });
    try {
      await this.#say(writer, this.#settings.opening?.(serviceId));
    } catch (error) {
      await writer.close().catch(() => undefined);
      throw error;
    }
    this.#keys = keys;
    return writer;
  }

  async #say(writer: LogWriter, events: readonly MeshAuditEvent[] = []): Promise<void> {
    if (events.length === 0) return;
    await writer.append(events.map(auditEventJson));
    this.#relay.covers(events);
  }

  /** PROTOCOL 7.4: never in the log's folder, where whoever may change the log would find it. */
  async #openKeys(folder: string): Promise<SigningKeys> {
    const { signWith = this.context?.paths.keysDir ?? defaultKeysDir() } = this.#settings;
    if (typeof signWith !== 'string') return 'key' in signWith ? signWith : { key: signWith, previousKeys: [] };
    const keysDir = resolve(signWith);
    const way = relative(folder, keysDir);
    if (!way.startsWith('..') && !isAbsolute(way)) throw new MeshError('invalid_option', `signWith: '${keysDir}' is in the log's own folder`);
    return openSigningKeys(keysDir);
  }

  #complain(error: MeshError): void {
    if (this.#said === error.message) return;
    this.#said = error.message;
    this.#logger.error(`the ${this.#settings.noun} cannot be opened: no event is taken`, { directory: this.#directory, error: error.message });
  }

  get #directory(): string {
    const { directory } = this.#settings;
    return typeof directory === 'string' ? directory : directory(this.context);
  }

  get #logger(): Logger {
    return new SafeLogger(this.#settings.logger ?? this.context?.logger ?? stderrLogger);
  }

  get #clock(): Clock {
    return this.#settings.clock ?? this.context?.clock ?? systemClock;
  }
}

/** The same, and told to come again. */
export const asRetryable = (error: MeshError, retryAfterMs = error.retryAfterMs): MeshError =>
  new MeshError(error.reason, error.text, { cause: error, code: error.code, details: error.details, retryable: true, ...(retryAfterMs !== undefined && { retryAfterMs }) });
