import { MeshError, nullAuditSink, stderrLogger, systemClock, type AdmissionTicket, type Clock, type Connection, type Interceptor, type Listener, type Logger, type StandardSchema, type Transport } from '@lemur-bookstores/mesh-interface';
import { Authorization } from './call/authorization.js';
import { CallIn } from './call/call-in.js';
import type { CallOutParts } from './call/call-out-parts.js';
import { CallStatistics } from './call/call-statistics.js';
import { Denials } from './call/denials.js';
import { givenHandler } from './call/given-handler.js';
import { Handlers, type Handler } from './call/handlers.js';
import type { CheckedHandler, HandlerSchemas } from './call/handler-schemas.js';
import { healthMethod } from './call/health-method.js';
import type { AnyApi, MeshClient } from './call/mesh-client.js';
import { MeshClients } from './call/mesh-clients.js';
import { Retries } from './call/retries.js';
import { completeLoadBalancing } from './endpoint/load-balancing.js';
import { PROVIDER_TIMEOUT_MS } from './endpoint/provider-call.js';
import { Registration } from './endpoint/registration.js';
import { ServiceDirectory } from './endpoint/service-directory.js';
import { assertServiceId } from './endpoint/service-id.js';
import { isFailClosed } from './session/audit-hold.js';
import { ConnectionJournal } from './session/connection-journal.js';
import { DeadlineWheel } from './session/deadline-wheel.js';
import { IdentityWatch } from './session/identity-watch.js';
import { InboundSessions, sendAway } from './session/inbound-sessions.js';
import type { LiveSession } from './session/live-session.js';
import { SessionDialer } from './session/session-dialer.js';
import type { MeshNodeOptions } from './mesh-node-options.js';
import { takeSnapshot, type MeshNodeSnapshot } from './mesh-node-snapshot.js';
import { assertStarting, assertTakesCalls, type MeshNodeState } from './mesh-node-state.js';
import { takeTopology, type MeshTopology } from './mesh-topology.js';
import { completeSessionLimits, type SessionLimits } from './session/session-limits.js';
import { completeSessionTimeout } from './session/session-lifetimes.js';
import { SessionRenewal } from './session/session-renewal.js';
import { SystemJournal, type StartFacts } from './system-journal.js';
import { WebSocketTransport } from './transport/websocket-transport.js';

/** A service's place in the mesh: listens, connects, calls and answers. */
export class MeshNode {
  readonly serviceId: string;
  readonly handlers = new Handlers();
  readonly #options: MeshNodeOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: SessionLimits;
  readonly #wheel: DeadlineWheel;
  readonly #statistics: CallStatistics;
  readonly #system: SystemJournal;
  readonly #journal: ConnectionJournal;
  readonly #denials: Denials;
  readonly #interceptors: Interceptor[] = [];
  readonly #registration: Registration;
  readonly #directory: ServiceDirectory;
  readonly #inbound: InboundSessions;
  readonly #renewal: SessionRenewal;
  readonly #identityWatch: IdentityWatch;
  readonly #callOutParts: CallOutParts;
  readonly #clients: MeshClients;
  #state: MeshNodeState = 'new';
  #listener: Listener | undefined;
  #disown: (() => void) | undefined;
  #unlistened: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: MeshNodeOptions) {
    const clock = options.clock ?? systemClock;
    const logger = options.logger ?? stderrLogger;
    const audit = options.audit ?? nullAuditSink;
    const transport = options.transport ?? new WebSocketTransport();
    const limits = completeSessionLimits(options.limits);
    this.#options = { ...options, transport };
    this.serviceId = options.serviceId;
    this.#clock = clock;
    this.#logger = logger;
    this.#limits = limits;
    this.#wheel = new DeadlineWheel(clock);
    this.#statistics = new CallStatistics(clock);
    this.#system = new SystemJournal(audit, clock);
    this.#journal = new ConnectionJournal(audit, logger, clock);
    this.#denials = new Denials(audit, clock);
    const common = { clock, wheel: this.#wheel, statistics: this.#statistics, audit, interceptors: this.#interceptors, scopes: options.scopes, maxMessageBytes: limits.maxMessageBytes, codec: options.codec, failClosed: isFailClosed(audit, 'message') };
    this.#callOutParts = { ...common, retries: options.retry === undefined ? undefined : new Retries(options.retry, clock), defaultTimeoutMs: options.timeoutMs ?? 30_000, assertOpen: () => assertTakesCalls(this.#state) };
    const { serviceId, authorize, authorizeMode: mode } = options;
    const authorization = authorize === undefined ? undefined : new Authorization({ serviceId, authorize, mode, denials: this.#denials, logger, clock });
    const callIn = new CallIn({ ...common, serviceId, handlers: this.handlers, denials: this.#denials, authorization, logger, gate: options.gate });
    const sessions = (): LiveSession[] => [...this.#inbound.sessions(), ...this.#directory.sessions()];
    const { drainMs } = limits;
    const observer = (this.#renewal = new SessionRenewal({ clock, sessionTimeoutMs: completeSessionTimeout(options.sessionTimeoutMs), drainMs, sessions }));
    this.#inbound = new InboundSessions({ channels: options.channels, clock, limits, journal: this.#journal, receiver: callIn, pinsOf: options.pinsOf, observer });
    this.#registration = new Registration(options.discovery, clock, logger);
    const dialer = new SessionDialer({ transport, channels: options.channels, clock, limits, journal: this.#journal, observer });
    this.#directory = new ServiceDirectory({ discovery: options.discovery, dialer, clock, logger, ...completeLoadBalancing(options.loadBalancing), breakers: options.breakers, drainMs, isOwn: (node) => node.id === this.serviceId && this.#registration.isOwn(node), ...(options.backoff === undefined ? {} : { backoff: options.backoff }) });
    this.#clients = new MeshClients(this.#directory, this.#callOutParts);
    this.#identityWatch = new IdentityWatch({ channels: options.channels, clock, audit, logger, drainMs, sessions, owner: this.#renewal });
    this.handlers.addBuiltIn('health', healthMethod(this.serviceId, options));
  }

  get state(): MeshNodeState {
    return this.#state;
  }

  /** The port it listens on; `undefined` while it does not. */
  get port(): number | undefined {
    return this.#listener?.port;
  }

  /** Answers `method`, behind schemas if there are any. Also after `start()`. @throws MeshError `duplicate_handler`, `reserved_name`, `invalid_option` */
  handle(method: string, handler: Handler): void;
  handle<Input extends StandardSchema, Output extends StandardSchema>(method: string, schemas: HandlerSchemas<Input, Output>, handler: CheckedHandler<Input, Output>): void;
  handle(method: string, ...given: readonly unknown[]): void {
    this.handlers.add(method, givenHandler(method, given, this.#logger));
  }

  /** Adds an interceptor inside those already used. Calls that are under way do not see it. */
  use(interceptor: Interceptor): void {
    this.#interceptors.push(interceptor);
  }

  /**
   * Loads the identity, listens, becomes findable and connects to the services that were asked for.
   * @throws MeshError of what failed; nothing of it is left, and it may be tried again
   */
  async start(): Promise<void> {
    if (this.#stopped !== undefined) throw new MeshError('mesh_closed', 'the mesh was closed; make a new one');
    if (this.#state !== 'new') throw new MeshError('already_initialized', 'initialize() was called before');
    this.#state = 'starting';
    const facts = (): StartFacts => ({ port: (this.#listener as Listener).port, peerId: this.#options.channels.id });
    try {
      await this.#options.channels.load();
      assertStarting(this.#state);
      this.#listener = await (this.#options.transport as Transport).listen({
        host: this.#options.host,
        port: this.#options.port,
        admission: this.#inbound.admission,
        onConnection: (connection: Connection, ticket: AdmissionTicket) => (this.#system.letsIn ? this.#inbound.accept(connection, ticket) : sendAway(connection, ticket)),
      });
      assertStarting(this.#state);
      await this.#system.listening(facts());
      assertStarting(this.#state);
      const { advertise, host } = this.#options;
      await this.#registration.register(this.serviceId, { host, port: this.#listener.port, advertise });
      assertStarting(this.#state);
    } catch (error) {
      await this.#withdraw();
      this.#system.stopped();
      if (this.#state === 'starting') this.#state = 'new';
      throw error;
    }
    this.#state = 'running';
    this.#directory.start();
    this.#identityWatch.start();
    this.#disown = this.#options.channels.ownSessions?.(this.#renewal);
    this.#system.started(facts());
  }

  /**
   * A client of a service. No I/O: connecting happens in the background, or once the node starts. A client goes on working after
   * `disconnect()`.
   * @throws MeshError `invalid_option` for what is no service id
   */
  connect(serviceId: string): MeshClient<AnyApi> {
    assertServiceId(serviceId);
    this.#directory.of(serviceId);
    return this.#clients.of(serviceId);
  }

  /** Closes the sessions with a service once its calls in flight have ended, and forgets it; the next call or `connect()` begins anew. */
  async disconnect(serviceId: string): Promise<void> {
    if (!(await this.#directory.disconnect(serviceId, this.#limits.drainMs))) return;
    this.#clients.forget(serviceId);
  }

  /** What there is, and what has happened so far. Works in every state. */
  snapshot(): MeshNodeSnapshot {
    return takeSnapshot(this.#statistics, this.#callOutParts.retries?.retried ?? 0, this.#denials, this.#journal, this.#inbound.sessions(), this.#directory);
  }

  /** Who is connected to whom, as this node sees it. Works in every state. */
  topology(): MeshTopology {
    return takeTopology(this.#directory, this.#inbound.sessions());
  }

  /** How discovery does: for the health check. */
  get discoveryState(): { readonly lastSuccessAt: number; readonly lastError: MeshError | undefined; readonly knownServices: number } {
    return this.#directory.discoveryState;
  }

  /**
   * Ends it, within `drainMs` for all calls together: nobody finds it any more, then it stops listening, then the calls that came in
   * end, and last those that went out. Handlers can call on until they end; so can anybody else until then. Then every peer is said
   * goodbye, and discovery is closed. Trouble of a provider is a warning. Called again it gives the same promise.
   */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    const ran = this.#state === 'running';
    if (ran) await this.#drain();
    this.#state = 'stopped';
    await this.#withdraw();
    await this.#registration.close();
    this.#identityWatch.stop();
    this.#disown?.();
    this.#renewal.stop();
    this.#wheel.stop();
    this.#journal.flush();
    this.#denials.flush();
    if (!ran) return;
    this.#options.onStopped?.();
    this.#system.stopped();
  }

  async #drain(): Promise<void> {
    const { drainMs } = this.#limits;
    const endsAt = this.#clock.monotonic() + drainMs;
    const leftMs = (): number => Math.max(0, endsAt - this.#clock.monotonic());
    this.#state = 'draining';
    this.#identityWatch.judge();
    await this.#registration.deregister(Math.min(PROVIDER_TIMEOUT_MS, drainMs / 2));
    // A listener counts as closed only once its connections have ended: that is awaited at the end.
    void this.#unlisten();
    await this.#inbound.drain(leftMs());
    this.#state = 'stopping';
    this.#callOutParts.retries?.stop();
    await this.#directory.stop(leftMs());
  }

  /** Takes back what a start, or one that failed or was overtaken by `stop()`, has done so far. */
  async #withdraw(): Promise<void> {
    await this.#registration.deregister();
    this.#inbound.close();
    await this.#unlisten();
  }

  #unlisten(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    const before = this.#unlistened;
    const closed = listener?.close().catch((error: unknown) => this.#logger.warn(`cannot stop listening: ${MeshError.from(error).message}`));
    return (this.#unlistened = Promise.all([before, closed]).then(() => {}));
  }
}
