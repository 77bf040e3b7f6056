import type {
  CipherSuite,
  Clock,
  DiscoveryProvider,
  IdentityFiles,
  Logger,
  MonitoringAdapter,
  ServiceNode,
  Transport,
} from '@lemur-bookstores/mesh-interface';
import type { AuditLoggerOptions } from '@lemur-bookstores/mesh-audit';
import type { PrimitivesName, RotationOptions } from '@lemur-bookstores/mesh-crypto';
import type { Authorize, AuthorizeMode, BackoffOptions, Codec, LoadBalancingOptions, SessionLimits } from '@lemur-bookstores/mesh-core';
import type { AdminOptions, HealthMonitor } from '@lemur-bookstores/mesh-health';
import type { ResilienceOptions } from '@lemur-bookstores/mesh-resilience';
import type { AuthorizationTable } from './authorization-table.js';

/** Options of the audit logger that a mesh makes for itself; the rest of them is the mesh's own. */
export interface MonitoringOptions extends Omit<AuditLoggerOptions, 'adapters' | 'observer' | 'serviceId' | 'clock' | 'logger' | 'context'> {
  /** Where events go. Default: nowhere. */
  readonly adapters?: readonly MonitoringAdapter[];
}

/** Options of a `SecureMesh`. Only `serviceId` and `port` are required. */
export interface SecureMeshOptions {
  /** The name others call this service by: a letter or digit, then up to 62 letters, digits, `.`, `_` and `-`. */
  readonly serviceId: string;
  /** Port to listen on; 0 = any free port, then in `mesh.port`. */
  readonly port: number;
  /** Address to listen on. Default: 127.0.0.1 in the local trust domain, all interfaces with an identity from files. */
  readonly host?: string;
  /**
   * Where others reach this service if not at `host` and `port`, e.g. behind a load balancer. Where it listens on all interfaces, a
   * discovery provider other than the local one is told the machine's name (`os.hostname()`) unless a host is given here.
   */
  readonly advertise?: { readonly host?: string; readonly port?: number };
  /**
   * What this service proves itself with. Default: the local trust domain, which trusts this user on this machine and nobody
   * else, and which `NODE_ENV=production` refuses unless `{ local: true }` asks for it.
   */
  readonly identity?: IdentityFiles | { readonly local: true };
  /** Where other services are. Default: those of this user on this machine, by name. */
  readonly discovery?: {
    /** Known instances; several may share an id. They are connected to without waiting for a call. */
    readonly services?: readonly ServiceNode[];
    readonly provider?: DiscoveryProvider;
  };
  readonly security?: {
    /** Suite of the connections that are dialled; either is accepted. Default `aesgcm`. */
    readonly suite?: CipherSuite;
    /** Default `node`; `noble` where node:crypto lacks an algorithm. */
    readonly primitives?: PrimitivesName;
    /**
     * Age by which a session has been replaced by one of a new handshake, and the static key of handshakes by a new one, in ms: 60,000 to 2,592,000,000
     * (30 days), whole. Default 86,400,000: a day. Where `rotation.autoRotate` is `false`, the static key stays.
     */
    readonly sessionTimeout?: number;
    /**
     * Which peer may call which method (docs/services.md): a function that answers `true` at once, or a table
     * `{ [method or '*']: '*' or [service ids and SPIFFE ids] }`; all else is denied. `health` is answered to all. In the local trust domain it is advisory:
     * any process of this user can take any id there. Default: every member of the trust domain may call everything.
     */
    readonly authorize?: Authorize | AuthorizationTable;
    /** `audit`: calls that `authorize` denies run nevertheless, and the trail has them. Default `enforce`. */
    readonly authorizeMode?: AuthorizeMode;
  };
  readonly paths?: {
    /** Keys of the local trust domain. Default: `MESH_KEYS_DIR`, else the user's data folder. */
    readonly keysDir?: string;
    /** What adapters may write to. Default `./logs`. */
    readonly logsDir?: string;
    /** The local registry. Default: `MESH_RUNTIME_DIR`, else `XDG_RUNTIME_DIR`, else a folder of the user's in the temporary one. */
    readonly runtimeDir?: string;
  };
  /** Limits, breaker and retries (docs/resilience.md). Default: a breaker for each instance called, retries, and 1,000 calls in that run at once. */
  readonly resilience?: ResilienceOptions & {
    /** Total time of a call that names none, in ms. Default 30,000. */
    readonly timeoutMs?: number;
    /** Waits between two dials of one endpoint. Default 100 ms growing to 5,000 ms. */
    readonly backoff?: Partial<BackoffOptions>;
  };
  /** How calls are shared among the instances of a service (docs/discovery.md). */
  readonly loadBalancing?: LoadBalancingOptions;
  /** When the keys of sessions are replaced (docs/key-rotation.md). How often the static key of handshakes is, `security.sessionTimeout` says. */
  readonly rotation?: RotationOptions;
  /** Audit: where events go, which, and what is promised of them. */
  readonly monitoring?: MonitoringOptions;
  /** The user's own monitor: the mesh adds its checks to it. Default: the mesh makes one. */
  readonly health?: HealthMonitor;
  /** Probes, metrics, figures and a rotation of keys over plain HTTP, for operators (docs/admin.md). Default: off. */
  readonly admin?: AdminOptions;
  /** The operational log. Default: warnings and errors to stderr. `pinoLogger()` and `winstonLogger()` wrap those. */
  readonly logger?: Logger;
  /** Caps and times of connections (docs/security-model.md). */
  readonly limits?: Partial<SessionLimits>;
  /** An encoding for bodies instead of JSON; both ends need the same. */
  readonly codec?: Codec;
  /** Default: WebSockets. `MemoryTransport` for tests. */
  readonly transport?: Transport;
  /** Default: the machine's. `FakeClock` for tests. */
  readonly clock?: Clock;
}
