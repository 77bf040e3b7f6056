import type { CryptoManager } from './crypto-manager.js';
import { holdProcess, MeshError, type CallScopes, type Interceptor, type MeshHealth, type MeshStats, type MetricsSnapshot, type StandardSchema } from '@lemur-bookstores/mesh-interface';
import type { AuditLogger } from '@lemur-bookstores/mesh-audit';
import type { AnyApi, CheckedHandler, Handler, HandlerContext, HandlerSchemas, MeshClient, MeshNode } from '@lemur-bookstores/mesh-core';
import type { KeyRotation, OwnKeyJournal, RotationReason, RotationResult } from '@lemur-bookstores/mesh-crypto';
import type { AdminServer, HealthMonitor } from '@lemur-bookstores/mesh-health';
import { adminEndpoint } from './admin-endpoint.js';
import { assemble } from './assemble.js';
import { statusOf } from './built-in-checks.js';
import { isLocal } from './identity-source.js';
import { HealthWatch } from './health-watch.js';
import { assertPinsOnLocalAuthority } from './local-pins.js';
import { noteLocalTrust } from './local-trust-note.js';
import { meshMetrics } from './mesh-metrics.js';
import { meshStats } from './mesh-stats.js';
import type { SecureMeshOptions } from './options.js';
import { Shutdown, type ShutdownOptions } from './shutdown.js';
import { completeOptions, type CompleteOptions } from './validate-options.js';

/** How long `healthCheck()` waits for a check that is running, in ms. */
const HEALTH_WAIT_MS = 50;

/**
 * A service's connection to its mesh: encrypted, mutually authenticated calls to and from other services, everything
 * security-relevant audited, measured and visible to probes.
 */
export class SecureMesh {
  readonly #options: CompleteOptions;
  readonly #node: MeshNode;
  readonly #scopes: CallScopes | undefined;
  readonly #rotation: KeyRotation;
  readonly #ownKeys: OwnKeyJournal;
  /** The live audit logger. */
  readonly audit: AuditLogger;
  /** The live health monitor: the one given as option `health`, or the mesh's own. */
  readonly health: HealthMonitor;
  /** The live crypto manager. */
  readonly crypto: CryptoManager;
  readonly #healthWatch: HealthWatch;
  readonly #admin: AdminServer | undefined;
  #auditStart: Promise<void> | undefined;
  #cleanup: Promise<void> | undefined;
  #started = false;
  /** From the signal on, or from `cleanup()`. */
  #ending = false;
  #shutdown: Shutdown | undefined;

  /** @throws MeshError `invalid_option` that names every invalid option by its path */
  constructor(options: SecureMeshOptions) {
    this.#options = completeOptions(options);
    const parts = assemble(this.#options, { status: () => (this.ready ? this.health.getOverallStatus() : 'unhealthy'), statusOf: (part) => statusOf(this.health, part) }, () => this.metrics());
    const { node, scopes, audit, health, crypto, rotation, ownKeys } = parts;
    this.#node = node;
    this.#scopes = scopes;
    this.#rotation = rotation;
    this.#ownKeys = ownKeys;
    this.audit = audit;
    this.health = health;
    this.crypto = crypto;
    this.#healthWatch = new HealthWatch(health, { node, crypto, audit, ownKeys }, this.#options.clock);
    this.#admin = adminEndpoint(this, parts, this.#options);
    for (const { id } of this.#options.services) node.connect(id);
  }

  get serviceId(): string {
    return this.#options.serviceId;
  }

  /** The port it listens on; `undefined` before `initialize()` and after `cleanup()`. */
  get port(): number | undefined {
    return this.#node.port;
  }

  /** The port of the admin endpoint; `undefined` while it does not listen. */
  get adminPort(): number | undefined {
    return this.#admin?.port;
  }

  /** Whether `initialize()` was done; stays true after `cleanup()`. */
  get started(): boolean {
    return this.#started;
  }

  /** Whether others should send calls: from the end of `initialize()` until a signal of {@link shutdownOn}, or `cleanup()`. */
  get ready(): boolean {
    return this.#started && !this.#ending && this.#node.state === 'running';
  }

  /**
   * Loads the identity, listens, becomes findable, and connects in the background to the services that were named.
   * @throws MeshError `port_in_use`, `identity_required`, `identity_invalid`, `keys_dir_unsafe`; `audit_unavailable` where `system` events are
   *   `fail-closed` and no durable adapter takes `system.start` …
   */
  async initialize(): Promise<void> {
    // An adapter that is slow to start keeps nobody waiting: its lane holds the events.
    void (this.#auditStart ??= this.audit.start());
    // First: the startup probe has somebody to ask. Not once it is closed, or being closed.
    const opened = this.#cleanup === undefined && (await this.#admin?.listen()) === true;
    await this.#start().catch(async (error: unknown) => {
      if (opened) await this.#admin?.close();
      throw error;
    });
  }

  async #start(): Promise<void> {
    await this.crypto.load();
    if (isLocal(this.#options.identity)) assertPinsOnLocalAuthority(this.#options.services, this.crypto.identity);
    await this.#node.start();
    this.#ownKeys.start();
    if (this.#cleanup === undefined) this.#rotation.start();
    this.#healthWatch.start(this.#cleanup !== undefined);
    this.health.start();
    // It may have been asked before, and the answer kept.
    await this.health.runCheck('mesh-core');
    noteLocalTrust(this.#options, this.crypto, this.audit);
    this.#started = true;
  }

  /**
   * Answers `method`; also after `initialize()`. What it returns is sent as JSON, a `Uint8Array` as it is. A `MeshError` it throws
   * reaches the caller; of anything else the caller learns only that the handler failed.
   * @throws MeshError `duplicate_handler`, `reserved_name`, `invalid_option`
   */
  handle<Input = unknown, Output = unknown>(method: string, handler: (input: Input, context: HandlerContext) => Output | Promise<Output>): void;
  /**
   * The same behind schemas of any library that implements Standard Schema. What `input` does not take is `input_invalid` to the caller, and the handler does not run;
   * what `output` does not take is `result_invalid`. The handler gets, and the caller is sent, what the schemas give.
   */
  handle<Input extends StandardSchema, Output extends StandardSchema>(method: string, schemas: HandlerSchemas<Input, Output>, handler: CheckedHandler<Input, Output>): void;
  handle(method: string, ...given: readonly unknown[]): void {
    this.#node.handle(method, ...(given as [Handler]));
  }

  /** Adds an interceptor for calls in both directions; the first one added is the outermost. */
  use(interceptor: Interceptor): void {
    this.#node.use(interceptor);
  }

  /**
   * Runs what is to outlive the call that is handled, and gives what it gives: the calls made inside have their own time, also later. Only with
   * `resilience.inheritDeadlines` is there a difference.
   */
  detach<Result>(work: () => Result): Result {
    return this.#scopes === undefined ? work() : this.#scopes.detach(work);
  }

  /**
   * A client of a service. Does no I/O and works before `initialize()`; from then on the service is kept connected.
   * @throws MeshError `invalid_option` for an empty id
   */
  connect<Api = AnyApi>(serviceId: string): MeshClient<Api> {
    return this.#node.connect(serviceId) as unknown as MeshClient<Api>;
  }

  /** Closes the connections to a service after the calls in flight; the next call opens new ones. */
  disconnect(serviceId: string): Promise<void> {
    return this.#node.disconnect(serviceId);
  }

  /**
   * New keys: every live session rekeys in band, new handshakes use a new static key, and sessions are replaced by such of new handshakes, without a lost
   * call. Resolves once the new key is in use; asked again before that it gives the same rotation.
   * @param options.reason `manual` by default; with `compromise` the old static key is destroyed at once, and sessions that have not done a new handshake within
   *   10 s are closed
   * @throws MeshError `not_initialized`, `mesh_closed`, `invalid_option`; `audit_unavailable` where `key_rotation` events are `fail-closed` and no durable
   *   adapter takes this one
   */
  async rotateKeys(options: { readonly reason?: RotationReason } = {}): Promise<RotationResult> {
    if (this.#cleanup !== undefined) throw new MeshError('mesh_closed', 'the mesh was closed; make a new one');
    if (this.#node.state !== 'running') throw new MeshError('not_initialized', 'call initialize() before rotateKeys()');
    return this.#rotation.rotate(options);
  }

  /** What has happened so far, as plain JSON. Works at any time. */
  getStats(): MeshStats {
    return meshStats(this.#node, this.audit);
  }

  /** Everything that is measured, at this moment. */
  metrics(): MetricsSnapshot {
    return meshMetrics(this.#options, this.#node, this.crypto, this.#ownKeys, this.#healthWatch.eventLoop, this.getStats());
  }

  /** How the mesh does. Never waits more than 50 ms for a check; never throws. `unhealthy` before `initialize()` and after `cleanup()`. */
  async healthCheck(): Promise<MeshHealth> {
    const running = this.#node.state === 'running';
    const { status, checks } = await this.health.health(HEALTH_WAIT_MS);
    const { connectedServices, metrics } = this.getStats();
    return { status: running ? status : 'unhealthy', services: connectedServices.length, details: { checks, metrics } };
  }

  /**
   * Closes the mesh in order once one of these signals comes (docs/health.md): not ready, `waitMs` on, `beforeClose`, then {@link cleanup}, and the process
   * ends; all within `timeoutMs`. A second signal ends it at once. Asked again it replaces what was, but for one under way.
   * @returns `done` settles when all is closed; `dispose()` gives the signals back, as `cleanup()` does
   * @throws MeshError `invalid_option` that names every problem
   */
  shutdownOn(signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'], options: ShutdownOptions = {}): Pick<Shutdown, 'done' | 'dispose'> {
    if (this.#shutdown?.isRunning === true) return this.#shutdown;
    const { clock, logger } = this.#options;
    const onBegin = (): void => void (this.#ending = true);
    const shutdown = new Shutdown({ clock, logger, isReady: () => this.ready, onBegin, close: () => this.cleanup() }, signals, options);
    this.#shutdown?.dispose();
    return (this.#shutdown = shutdown);
  }

  /**
   * Lets the calls in flight end (10 s at most; handlers may call on until then), says goodbye to every peer, flushes the audit lanes (5 s at most),
   * closes the adapters (one that hangs is waited for `monitoring.deliveryTimeoutMs`, 10 s) and lets go of everything: the process can end. Calling it
   * again gives the same promise.
   */
  cleanup(): Promise<void> {
    return (this.#cleanup ??= holdProcess(() => this.#close()));
  }

  /** The same as {@link cleanup}. */
  close(): Promise<void> {
    return this.cleanup();
  }

  /** For `await using`. The same as {@link cleanup}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.cleanup();
  }

  async #close(): Promise<void> {
    this.#ending = true;
    this.#rotation.stop();
    this.#healthWatch.stop();
    try {
      await this.#node.stop();
    } catch (error) {
      this.#options.logger.error(`closing went wrong: ${MeshError.from(error).message}`);
    }
    if (this.#options.health === undefined) {
      this.health.stop();
      await this.health.runCheck('mesh-core');
    } else this.#healthWatch.leave();
    // Where stopping went wrong.
    this.#ownKeys.stop();
    this.crypto.close();
    // Last of the listeners, for probes ask until then; before the trail ends, for nobody is refused without a record.
    await this.#admin?.close();
    await this.audit.close();
    // One under way listens on, for the signal that forces it, and lets go by itself.
    if (this.#shutdown?.isRunning === false) this.#shutdown.dispose();
  }
}
