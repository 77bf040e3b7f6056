export { SecureMesh } from './secure-mesh.js';
export type { SecureMeshOptions } from './options.js';
export { CryptoManager, type CryptoManagerOptions } from './crypto-manager.js';
export { AuditLogger, type AuditEventFilter, type AuditLoggerOptions, type RedactionOptions } from '@lemur-bookstores/mesh-audit';
export { HealthMonitor } from '@lemur-bookstores/mesh-health';
export { ConsoleAdapter, type ConsoleAdapterOptions } from '@lemur-bookstores/adapter-console';
export { FileAdapter, type AuditQuery, type FileAdapterOptions } from '@lemur-bookstores/adapter-file';
export {
  LocalDiscovery,
  MemoryTransport,
  StaticDiscovery,
  WebSocketTransport,
  type AnyApi,
  type CallOptions,
  type Codec,
  type HandlerContext,
  type HealthReply,
  type MeshClient,
  type SessionLimits,
} from '@lemur-bookstores/mesh-core';
export {
  FakeClock,
  MeshError,
  pinoLogger,
  silentLogger,
  stderrLogger,
  winstonLogger,
  type AdapterContext,
  type Clock,
  type DiscoveryProvider,
  type HealthCheck,
  type HealthCheckResult,
  type HealthStatus,
  type IdentityFiles,
  type InterceptedCall,
  type Interceptor,
  type Logger,
  type ManagedAdapter,
  type MeshAuditEvent,
  type MeshErrorCode,
  type MeshErrorReason,
  type MeshHealth,
  type MeshStats,
  type MetricsSnapshot,
  type MonitoringAdapter,
  type PeerIdentity,
  type ServiceNode,
} from '@lemur-bookstores/mesh-interface';
