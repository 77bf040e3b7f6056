export { HealthMonitor, type HealthChange, type HealthChangeListener, type HealthMonitorOptions, type HealthReport } from './health-monitor.js';
export { auditCheck, cryptoCheck, discoveryCheck, meshCoreCheck, type DiscoveryState, type CryptoState, type MeshCoreState } from './built-in-checks.js';
