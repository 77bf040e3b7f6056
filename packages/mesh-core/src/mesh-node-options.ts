import type { AuditSink, CallGate, CallScopes, ChannelFactory, Clock, DiscoveryProvider, EndpointBreakers, Logger, RetryPolicy, Transport } from '@lemur-bookstores/mesh-interface';
import type { Authorize, AuthorizeMode } from './call/authorization.js';
import type { HealthReply } from './call/mesh-client.js';
import type { LoadBalancingOptions } from './endpoint/load-balancing.js';
import type { BackoffOptions } from './session/backoff.js';
import type { SessionLimits } from './session/session-limits.js';
import type { Codec } from './wire/body.js';

/** A mesh node and the parts it is composed of. */
export interface MeshNodeOptions {
  /** `[A-Za-z0-9][A-Za-z0-9._-]{0,62}` */
  readonly serviceId: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Address to listen on. Default: all interfaces. */
  readonly host?: string | undefined;
  /**
   * Where others reach this node, if not at `host` and `port`. Listening on all interfaces, the host's default is 127.0.0.1 towards local
   * discovery, and the machine's own name (`os.hostname()`) towards any other.
   */
  readonly advertise?: { readonly host?: string; readonly port?: number } | undefined;
  /** Handshakes and identity: mesh-crypto's CryptoManager. */
  readonly channels: ChannelFactory;
  readonly discovery: DiscoveryProvider;
  /** Default {@link WebSocketTransport}. */
  readonly transport?: Transport;
  /** Default: none. */
  readonly audit?: AuditSink;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly limits?: Partial<SessionLimits>;
  /**
   * Absolute age of a session, in ms: a whole number from 1,000; it is replaced before (PROTOCOL 3.9), and earlier where a certificate ends earlier.
   * Default 86,400,000 (a day).
   */
  readonly sessionTimeoutMs?: number | undefined;
  readonly backoff?: BackoffOptions;
  /** Makes the breaker of each endpoint: mesh-resilience's CircuitBreaker. Default: no endpoint has one. */
  readonly breakers?: EndpointBreakers | undefined;
  /** Decides which calls are tried again: mesh-resilience's `Retry.policy`. Default: none is. */
  readonly retry?: RetryPolicy | undefined;
  /** Limits the calls in: mesh-resilience's InboundGate. Default: there is no limit. */
  readonly gate?: CallGate | undefined;
  /** Joins the calls that handlers make to those they handle: mesh-resilience's DeadlinePropagation. Default: they are not joined. */
  readonly scopes?: CallScopes | undefined;
  /** How calls are shared among the instances of a service. */
  readonly loadBalancing?: LoadBalancingOptions | undefined;
  /** Total time of a call that names none, in ms. Default 30,000. */
  readonly timeoutMs?: number;
  readonly codec?: Codec | undefined;
  /** Pins of those who dial in, by SPIFFE id. */
  readonly pinsOf?: ((spiffeId: string) => readonly string[] | undefined) | undefined;
  /** Which peer may call which method; `health` is answered to all. Default: every member of the trust domain may call everything. */
  readonly authorize?: Authorize | undefined;
  /** Whether who may not is refused, or only noted. Default `enforce`. */
  readonly authorizeMode?: AuthorizeMode | undefined;
  /** What the method `health` answers. Default: healthy. */
  readonly health?: () => HealthReply['status'];
  /** What it answers of a part, by name; `undefined`: there is none of that name. Default: there are no parts. */
  readonly healthOf?: (part: string) => HealthReply['status'] | undefined;
  /** Called once all sessions have ended, right before the audit trail has it that the node stopped. */
  readonly onStopped?: () => void;
}
