import type { HealthCheckResult, HealthStatus, MeshStats, MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import type { AuditLogger } from '@lemur-bookstores/mesh-audit';
import type { MeshTopology } from '@lemur-bookstores/mesh-core';
import { AdminServer, type AdminRotationReason, type AdminSource, type HealthMonitor } from '@lemur-bookstores/mesh-health';
import type { MeshParts } from './assemble.js';
import type { CryptoManager } from './crypto-manager.js';
import { metricsTextOf } from './metrics-text.js';
import type { CompleteOptions } from './validate-options.js';

/** What the endpoint asks of a mesh. A `SecureMesh` is one. */
export interface AdministeredMesh {
  readonly serviceId: string;
  readonly port: number | undefined;
  readonly started: boolean;
  readonly ready: boolean;
  readonly health: HealthMonitor;
  readonly audit: AuditLogger;
  readonly crypto: CryptoManager;
  metrics(): MetricsSnapshot;
  rotateKeys(options: { readonly reason: AdminRotationReason }): Promise<unknown>;
}

/** What `GET /stats` answers: plain JSON. Fields may be added, none is ever renamed. */
export interface AdminStats {
  readonly service: string;
  /** Its SPIFFE id; absent before the identity is loaded, and after `cleanup()`. */
  readonly peerId?: string;
  /** Names the static key of handshakes; absent as `peerId` is. */
  readonly staticKeyId?: string;
  readonly pid: number;
  /** Version of Node.js. */
  readonly node: string;
  /** Of the process, in s. */
  readonly uptimeSeconds: number;
  /** The mesh's; absent while it does not listen. */
  readonly port?: number;
  readonly started: boolean;
  readonly ready: boolean;
  /** By the last results. */
  readonly health: { readonly status: HealthStatus; readonly checks: Readonly<Record<string, HealthCheckResult>> };
  /** As `getStats()`. */
  readonly stats: MeshStats;
  /** As `metrics()`, but for `stats`. */
  readonly metrics: Omit<MetricsSnapshot, 'stats'>;
  readonly topology: MeshTopology;
}

/** The admin endpoint of a mesh; `undefined` unless it is asked for. */
export function adminEndpoint(mesh: AdministeredMesh, { node, recent }: MeshParts, { admin, monitoring, clock, logger }: CompleteOptions): AdminServer | undefined {
  if (admin === undefined || recent === undefined) return undefined;
  const source: AdminSource = {
    serviceId: mesh.serviceId,
    health: mesh.health,
    get started() {
      return mesh.started;
    },
    get ready() {
      return mesh.ready;
    },
    stats: () => adminStats(mesh, node.topology()),
    recentEvents: (query) => recent.take(query),
    metricsText: () => metricsTextOf(monitoring?.adapters ?? []),
    rotateKeys: (options) => mesh.rotateKeys(options),
  };
  return new AdminServer({ ...admin, source, audit: mesh.audit, clock, logger });
}

function adminStats(mesh: AdministeredMesh, topology: MeshTopology): AdminStats {
  const { stats, ...metrics } = mesh.metrics();
  const { serviceId: service, port, started, ready, health } = mesh;
  return {
    service,
    ...ownKeys(mesh),
    pid: process.pid,
    node: process.version,
    uptimeSeconds: Math.round(process.uptime()),
    ...(port === undefined ? {} : { port }),
    started,
    ready,
    health: { status: ready ? health.getOverallStatus() : 'unhealthy', checks: health.getResults() },
    stats,
    metrics,
    topology,
  };
}

/** Before and after its time a mesh has none. */
function ownKeys({ port, crypto }: AdministeredMesh): Pick<AdminStats, 'peerId' | 'staticKeyId'> {
  return port === undefined ? {} : { peerId: crypto.id, staticKeyId: crypto.staticKeyId };
}
