export { HealthMonitor, type HealthMonitorOptions, type HealthReport } from './health-monitor.js';
export type { HealthChange, HealthChangeListener, OverallChange, OverallChangeListener } from './health-listeners.js';
export { auditCheck, cryptoCheck, discoveryCheck, meshCoreCheck, type DiscoveryState, type CryptoState, type MeshCoreState } from './built-in-checks.js';
export { EventLoopLag, type EventLoopDelay } from './event-loop-lag.js';
export { probes, type FastifyLike, type FastifyReplyLike, type HonoContextLike, type ProbeHandler } from './probes.js';
export type { ProbeOptions, ProbesOptions } from './probe-options.js';
export type { ProbedMesh, ProbedMonitor, ProbeSource } from './probe-source.js';
