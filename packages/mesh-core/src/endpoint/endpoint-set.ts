import type { BreakerMetrics, CircuitBreakerState, Clock, ClockTimer, DiscoveryProvider, EndpointBreakers, Logger, MeshError, ServiceNode } from '@lemur-bookstores/mesh-interface';
import { DEFAULT_BACKOFF, type BackoffOptions } from '../session/backoff.js';
import type { OutboundSession } from '../session/outbound-session.js';
import type { SessionDialer } from '../session/session-dialer.js';
import { Balancer } from './balancer.js';
import { dialableNode } from './configured-node.js';
import { Endpoint } from './endpoint.js';
import { completeLoadBalancing, type LoadBalancingOptions } from './load-balancing.js';
import { LookUp } from './look-up.js';
import { closedHere, noSession, untrustedPeer } from './no-session.js';
import { chooseReady, worstState } from './readiness.js';
import type { SessionWaiter } from './session-waiter.js';
import { SessionWaiters } from './session-waiters.js';
import { TrustClaims } from './trust-claims.js';

/** A service that was reachable a moment ago, or is being started, is waited for this long, in ms; after that calls fail at once. */
const GRACE_MS = 2_000;
/** An unknown one a little less, so that the answer is there within 2 s. */
const UNKNOWN_GRACE_MS = 1_500;
/** Who waits although instances are connected (one that was silent was asked, others have an open breaker) is offered one again this often, in ms. */
const LOOK_AGAIN_MS = 250;
const MAX_ENDPOINTS = 256;

export interface EndpointSetParts extends LoadBalancingOptions {
  readonly discovery: DiscoveryProvider;
  readonly dialer: SessionDialer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backoff?: BackoffOptions;
  /** Makes a breaker for each endpoint. Default: none has one. */
  readonly breakers?: EndpointBreakers | undefined;
  /** How long calls to an instance that has gone may still take, in ms. */
  readonly drainMs: number;
  /** Whether a node is this very instance, which is never dialled. Default: none is. */
  readonly isOwn?: (node: ServiceNode) => boolean;
}

/** All instances of one service, as discovery knows them: each kept connected, one chosen for each call. */
export class EndpointSet {
  readonly serviceId: string;
  readonly #parts: EndpointSetParts;
  readonly #balancer: Balancer<Endpoint>;
  readonly #lookUp: LookUp;
  readonly #claims: TrustClaims;
  readonly #endpoints = new Map<string, Endpoint>();
  /** Its instances as discovery knows them. */
  readonly endpoints = (): Endpoint[] => [...this.#endpoints.values()];
  /** Gone from discovery, or stopped; their last calls are ending. */
  readonly #leaving = new Set<Endpoint>();
  readonly #waiters: SessionWaiters;
  /** Rebuilt when an endpoint connects or leaves: a call only picks. */
  #connected: Endpoint[] = [];
  #giveUp: ClockTimer | undefined;
  #downSince: number;
  #everKnown = false;
  #running = false;
  #closed = false;
  /** Discovery knows this very instance and no other. */
  #onlyOwn = false;

  constructor(serviceId: string, parts: EndpointSetParts) {
    this.serviceId = serviceId;
    this.#parts = parts;
    const { strategy, ejection, slowStartMs, logger } = parts;
    this.#balancer = new Balancer(completeLoadBalancing({ strategy, ejection, slowStartMs }), ({ node }, ms, why) =>
      logger.warn(`${serviceId} at ${node.host}:${node.port} gets no calls for ${Math.round(ms / 1_000)} s: ${why}`),
    );
    this.#lookUp = new LookUp(serviceId, parts, this);
    this.#claims = new TrustClaims(serviceId, logger);
    this.#waiters = new SessionWaiters(serviceId);
    this.#downSince = parts.clock.monotonic();
  }

  /** Looks the service up, keeps looking, and keeps its instances connected. */
  start(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    this.#downSince = this.#parts.clock.monotonic();
    this.#lookUp.start();
  }

  async stop(drainMs: number): Promise<void> {
    this.#running = false;
    this.#lookUp.stop();
    for (const endpoint of this.#endpoints.values()) this.#leaving.add(endpoint);
    this.#endpoints.clear();
    this.#refreshConnected();
    this.#failWaiting(closedHere(this.serviceId));
    await Promise.all([...this.#leaving].map((endpoint) => this.#stopLeaving(endpoint, drainMs)));
  }

  async #stopLeaving(endpoint: Endpoint, drainMs: number): Promise<void> {
    await endpoint.stop(drainMs);
    this.#leaving.delete(endpoint);
  }

  /** As {@link stop}, and for good: not even a call that a peer's GOAWAY hands back starts it again. */
  close(drainMs: number): Promise<void> {
    this.#closed = true;
    return this.stop(drainMs);
  }

  /** Gives it up where nobody uses it: it starts no more, and a new one takes its place. @returns whether it did */
  release(): boolean {
    if (this.#running || this.#waiters.size > 0) return false;
    this.#closed = true;
    return true;
  }

  get known(): number {
    return this.#endpoints.size;
  }

  get isEmpty(): boolean {
    return this.known === 0;
  }

  /** Why discovery does not answer; `undefined` while it does. */
  get discoveryError(): MeshError | undefined {
    return this.#lookUp.error;
  }

  /** When discovery last answered, ms since 1970; 0 = never. */
  get discoveredAt(): number {
    return this.#lookUp.answeredAt;
  }

  /** Every session that is up, those that only end their calls included. */
  sessions(): OutboundSession[] {
    return [...this.#endpoints.values(), ...this.#leaving].flatMap((endpoint) => endpoint.sessions);
  }

  breakers(): BreakerMetrics[] {
    return [...this.#endpoints.values()].flatMap(({ breaker, node: { host, port } }) => (breaker === undefined ? [] : [{ service: this.serviceId, endpoint: `${host}:${port}`, state: breaker.state }]));
  }

  /** The worst of its instances. */
  get breakerState(): CircuitBreakerState {
    return worstState(Array.from(this.#endpoints.values(), ({ breaker }) => breaker?.state ?? 'closed'));
  }

  /**
   * An open session to the instance of choice; `undefined` where none is connected, or none that has not been silent for so long that it is asked
   * first.
   * @param now monotonic time, in ms
   */
  pick(now: number): OutboundSession | undefined {
    return chooseReady(this.#balancer, this.#connected, now)?.session;
  }

  /** Waits for a session, within the grace; the caller owns its deadline and leaves by {@link leave}. */
  wait(waiter: SessionWaiter): void {
    if (this.#closed) return waiter.onNoSession(closedHere(this.serviceId));
    this.start();
    if (this.#waiters.add(waiter)) this.#checkGrace();
  }

  leave(waiter: SessionWaiter): void {
    this.#waiters.leave(waiter);
  }

  onConnected(): void {
    this.#refreshConnected();
    this.#serveWaiting();
  }

  /** @param lost not given: it has gone from discovery */
  onDisconnected(lost?: Endpoint): void {
    const before = this.#connected.length;
    this.#refreshConnected();
    if (before > 0 && this.#connected.length === 0) {
      this.#downSince = this.#parts.clock.monotonic();
      // Others may be back long before the wait of theirs ends. Where none had ever answered a call, nothing is gained.
      if (lost?.load.answered === true) for (const endpoint of this.#endpoints.values()) if (endpoint !== lost) endpoint.hurry();
    }
    // They may have waited for that one alone.
    this.#serveWaiting();
    this.#checkGrace();
  }

  onFailed(): void {
    this.#checkGrace();
  }

  onAnswer(): void {
    this.#checkGrace();
  }

  /** Discovery says where the service is: instances that came are dialled, those that went are let go. */
  onNodes(nodes: readonly ServiceNode[]): void {
    this.#claims.warnOf(nodes);
    const instances = nodes.flatMap((node) => dialableNode(this.serviceId, node) ?? []);
    const dialable = instances.filter((node) => this.#parts.isOwn?.(node) !== true);
    this.#onlyOwn = instances.length > 0 && dialable.length === 0;
    const wanted = new Map(dialable.slice(0, MAX_ENDPOINTS).map((node) => [keyOf(node), node]));
    if (this.#endpoints.size === 0 && wanted.size > 0) this.#downSince = this.#parts.clock.monotonic();
    if (wanted.size > 0) this.#everKnown = true;
    for (const [key, endpoint] of this.#endpoints) {
      if (wanted.has(key)) continue;
      this.#endpoints.delete(key);
      this.#leaving.add(endpoint);
      void this.#stopLeaving(endpoint, this.#parts.drainMs);
    }
    for (const [key, node] of wanted) {
      if (this.#endpoints.has(key)) continue;
      const endpoint = new Endpoint(node, this.#parts.dialer, this.#parts.clock, this.#parts.backoff ?? DEFAULT_BACKOFF, this, this.#parts.breakers?.breakerFor(this.serviceId, `${node.host}:${node.port}`));
      this.#endpoints.set(key, endpoint);
      endpoint.start();
    }
    this.onDisconnected();
  }

  #refreshConnected(): void {
    this.#connected = [...this.#endpoints.values()].filter((endpoint) => endpoint.session !== undefined);
    this.#balancer.replace(this.#connected, this.#parts.clock.monotonic());
  }

  #serveWaiting(): void {
    if (this.#waiters.size > 0) this.#waiters.serve(() => this.pick(this.#parts.clock.monotonic()));
  }

  /** Fails the waiting calls once waiting has no point, else comes back when it may have none. */
  #checkGrace(): void {
    this.#giveUp?.cancel();
    this.#giveUp = undefined;
    if (this.#waiters.size === 0) return;
    const graceMs = this.#endpoints.size === 0 && !this.#everKnown ? UNKNOWN_GRACE_MS : GRACE_MS;
    const untilGivenUpMs = untrustedPeer(this.#endpoints.values()) === undefined ? this.#downSince + graceMs - this.#parts.clock.monotonic() : 0;
    const leftMs = this.#connected.length > 0 ? LOOK_AGAIN_MS : untilGivenUpMs;
    if (leftMs <= 0) return this.#failWaiting(this.#failure());
    this.#giveUp = this.#parts.clock.setTimeout(() => {
      this.#serveWaiting();
      this.#checkGrace();
    }, leftMs);
  }

  #failWaiting(error: MeshError): void {
    this.#giveUp?.cancel();
    this.#giveUp = undefined;
    this.#waiters.fail(error);
  }

  #failure(): MeshError {
    const { error, answered } = this.#lookUp;
    const lookUp = { error, answered, everKnown: this.#everKnown, onlyOwn: this.#onlyOwn, where: this.#parts.discovery.description ?? 'discovery' };
    return noSession(this.serviceId, [...this.#endpoints.values()], lookUp);
  }
}

const keyOf = (node: ServiceNode): string => JSON.stringify([node.host, node.port, node.instanceId, node.spiffeId, node.publicKey, node.tls, node.path]);
