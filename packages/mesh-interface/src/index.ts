export { MeshError, type MeshErrorData, type MeshErrorOptions } from './mesh-error.js';
export { MESH_ERROR_CODES, REASONS, type MeshErrorCode, type MeshErrorReason } from './reasons.js';
export { withMayHaveRun } from './with-may-have-run.js';
export { isTimeout } from './is-timeout.js';
export { OptionCheck, refuseProblems } from './option-check.js';
export { inBackground } from './background.js';
export { systemClock, type Clock, type ClockTimer } from './clock.js';
export { FakeClock } from './fake-clock.js';
export { MAX_TOLD_APART, Repetitions, type RepetitionsOptions } from './repetitions.js';
export { RateBound } from './rate-bound.js';
export { RecentIds } from './recent-ids.js';
export { ThrottledWarning } from './throttled-warning.js';
export { UnderWay } from './under-way.js';
export { holdProcess } from './hold-process.js';
export { escapeControls } from './escape-controls.js';
export { SafeLogger } from './safe-logger.js';
export { pinoLogger, silentLogger, stderrLogger, winstonLogger, type LogFields, type Logger, type PinoLike, type WinstonLike } from './logger.js';
export {
  AUDIT_EVENT_TYPES,
  type AuditEventDetails,
  type AuditEventInput,
  type AuditEventType,
  type MeshAuditEvent,
  type TraceContext,
} from './audit-event.js';
export { checkAuditQuery, type AuditQuery } from './audit-query.js';
export { AUDIT_ACTIONS, type AuditAction, type AuditActionOf, type OwnAuditEvent } from './audit-actions.js';
export type { KeyAction, KeyChangeTrigger, KeyPolicy, KeyRotationMetadata, KeyType, RetiredKey } from './key-rotation-event.js';
export { DEFAULT_DELIVERY, DELIVERY_CONTRACTS, type DeliveryContract } from './delivery-contract.js';
export { nullAuditSink, type AuditSink, type OwnAuditSink } from './audit-sink.js';
export { defaultKeysDir } from './default-keys-dir.js';
export type { AdapterContext, ManagedAdapter, MeshPaths, MonitoringAdapter } from './adapter.js';
export type {
  AuditLaneStats,
  AuditStats,
  BreakerMetrics,
  CallMetrics,
  CircuitBreakerState,
  EventLoopMetrics,
  HistogramExemplar,
  HistogramSnapshot,
  KeyMetrics,
  MeshStats,
  MetricsSnapshot,
} from './metrics.js';
export type { HealthCheck, HealthCheckOptions, HealthCheckResult, HealthStatus, MeshHealth } from './health.js';
export type { DiscoveryProvider, ServiceNode } from './discovery.js';
export type { IdentityFiles, IdentityMaterial, IdentitySource, PeerIdentity } from './identity.js';
export { CHANNEL_RECORD_FLAG, type ChannelRekeying, type KeysRotated, type KeyUsage, type KeyVolume, type RekeyHost, type RekeyTrigger, type SpentReason } from './channel-rekeying.js';
export type { ChannelFactory, ChannelHandshake, CipherSuite, ExpectedPeer, HandshakeStep, IdentityChange, SecureChannel, SessionOwner, SessionsRotated } from './channel.js';
export type { AdmissionTicket, Connection, ConnectionAdmission, ConnectionEnd, Listener, ListenOptions, Transport } from './transport.js';
export type { CallMetadata, InterceptedCall, Interceptor } from './interceptor.js';
export type { SchemaInput, SchemaOutput, StandardIssue, StandardResult, StandardSchema } from './standard-schema.js';
export type { CallGate, GatedCall } from './call-gate.js';
export type { CallScopes, ServedCall } from './call-scopes.js';
export type { BreakerTicket, EndpointBreaker, EndpointBreakers } from './endpoint-breaker.js';
export type { FailedAttempt, NoRetry, RetryDecision, RetryPolicy } from './retry-policy.js';
export type { RateLimit, RateLimitBucket, RateLimitStore } from './rate-limit-store.js';
