import type { CallScopes, DiscoveryProvider, HealthStatus, MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '@lemur-bookstores/mesh-audit';
import { ChainedDiscovery, LocalDiscovery, MeshNode, StaticDiscovery } from '@lemur-bookstores/mesh-core';
import { KeyRotation, OwnKeyJournal } from '@lemur-bookstores/mesh-crypto';
import { HealthMonitor, RecentEvents } from '@lemur-bookstores/mesh-health';
import { authorizeByTable } from './authorization-table.js';
import { CryptoManager } from './crypto-manager.js';
import { isLocal } from './identity-source.js';
import { pinsByPeer } from './pins-by-peer.js';
import { resilienceOf } from './resilience.js';
import type { CompleteOptions } from './validate-options.js';

/** The parts of a mesh, made and joined. */
export interface MeshParts {
  readonly crypto: CryptoManager;
  readonly audit: AuditLogger;
  readonly health: HealthMonitor;
  readonly node: MeshNode;
  /** `undefined`: calls that handlers make are no part of those they handle. */
  readonly scopes: CallScopes | undefined;
  /** Of the static key. */
  readonly rotation: KeyRotation;
  readonly ownKeys: OwnKeyJournal;
  /** Of audit, for the admin endpoint; `undefined` without one. */
  readonly recent: RecentEvents | undefined;
}

/** What a mesh says of its health when a peer asks. */
export interface HealthAnswers {
  readonly status: () => HealthStatus;
  /** Of one check; `undefined` if there is none of that name. */
  readonly statusOf: (check: string) => HealthStatus | undefined;
}

/**
 * Joins the parts with plain `new` calls: none of them knows another. A user may do the same (docs/examples/compose-from-parts).
 */
export function assemble(options: CompleteOptions, { status, statusOf }: HealthAnswers, metrics: () => MetricsSnapshot): MeshParts {
  const { serviceId, clock, logger, identity, paths, security, rotation, monitoring } = options;
  const crypto = new CryptoManager({ serviceId, clock, logger, paths, ...cryptoOptions(security), ...(rotation === undefined ? {} : { rotation }), ...(identity === undefined ? {} : { identity }) });
  const recent = options.admin === undefined ? undefined : new RecentEvents();
  const audit = new AuditLogger({
    ...monitoring,
    observer: recent === undefined ? undefined : (event) => recent.add(event),
    serviceId,
    adapters: monitoring?.adapters ?? [],
    clock,
    logger,
    context: { paths, metrics },
  });
  const resilience = resilienceOf(options.resilience ?? {}, { clock, logger, audit });
  const own = ownKeys(options, crypto, audit);
  const node = new MeshNode({
    serviceId,
    port: options.port,
    host: options.host ?? (isLocal(identity) ? '127.0.0.1' : undefined),
    advertise: options.advertise,
    channels: crypto,
    discovery: discoveryOf(options),
    audit,
    clock,
    logger,
    backoff: options.backoff,
    codec: options.codec,
    health: status,
    healthOf: statusOf,
    authorize: typeof security?.authorize === 'object' ? authorizeByTable(security.authorize, () => crypto.identity.trustDomain) : security?.authorize,
    authorizeMode: security?.authorizeMode,
    breakers: resilience.breakers,
    retry: resilience.retry,
    gate: resilience.gate,
    scopes: resilience.scopes,
    sessionTimeoutMs: options.sessionTimeoutMs,
    onStopped: () => {
      resilience.flush();
      own.ownKeys.stop();
      crypto.close();
    },
    pinsOf: pinsByPeer(options.services, () => crypto.identity.trustDomain),
    ...(options.transport === undefined ? {} : { transport: options.transport }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.loadBalancing === undefined ? {} : { loadBalancing: options.loadBalancing }),
    ...(options.resilience?.timeoutMs === undefined ? {} : { timeoutMs: options.resilience.timeoutMs }),
  });
  // Before any of the user's own: a call that is refused costs least.
  if (resilience.limits !== undefined) node.use(resilience.limits);
  const health = options.health ?? new HealthMonitor(undefined, { clock, logger });
  return { crypto, audit, health, node, scopes: resilience.scopes, recent, ...own };
}

const cryptoOptions = ({ suite, primitives }: NonNullable<CompleteOptions['security']> = {}) => ({
  ...(suite === undefined ? {} : { suite }),
  ...(primitives === undefined ? {} : { primitives }),
});

/** What a mesh does with the keys of its handshakes: it rotates them as often as sessions are replaced, and its trail has them. */
function ownKeys({ serviceId, security, sessionTimeoutMs, rotation }: CompleteOptions, crypto: CryptoManager, audit: AuditLogger): Pick<MeshParts, 'rotation' | 'ownKeys'> {
  const autoRotate = rotation?.autoRotate ?? true;
  const policySource = security?.sessionTimeout === undefined ? 'default' : 'option';
  return {
    rotation: new KeyRotation(serviceId, crypto, { rotationInterval: sessionTimeoutMs, autoRotate, policySource }, audit),
    ownKeys: new OwnKeyJournal({ crypto, audit, staticKeyIntervalMs: autoRotate ? sessionTimeoutMs : undefined, policySource }),
  };
}

/**
 * The configured list first. For the rest the user's provider, else the local registry; a mesh with an identity from files and a
 * list looks nowhere else.
 */
function discoveryOf({ discovery, services, identity, paths, clock, logger }: CompleteOptions): DiscoveryProvider {
  const listed = new StaticDiscovery(services);
  const needsLocal = discovery?.provider === undefined && (services.length === 0 || isLocal(identity));
  const others = discovery?.provider ?? (needsLocal ? new LocalDiscovery({ runtimeDir: paths.runtimeDir, clock, logger }) : undefined);
  if (others === undefined) return listed;
  return services.length === 0 ? others : new ChainedDiscovery(listed, others);
}
