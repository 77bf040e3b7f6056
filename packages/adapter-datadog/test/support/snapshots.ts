import type { CallMetrics, MetricsSnapshot } from '@lemur-bookstores/mesh-interface';

const BOUNDS = [0.01, 0.1, 1];

/** Calls of one peer and method. @param counts durations by bucket: up to 10 ms, 100 ms, 1 s, above */
export function callsOf(method: string, counts: readonly number[], more: Partial<CallMetrics> = {}): CallMetrics {
  const count = counts.reduce((sum, each) => sum + each, 0);
  return { direction: 'inbound', peer: 'orders', method, started: count, ended: { OK: count }, duration: { bounds: BOUNDS, counts, sum: count * 0.05, count }, idleMs: 0, ...more };
}

/** The metrics of a mesh that has done nothing, but for what is given. */
export function snapshotOf(more: Partial<MetricsSnapshot> = {}): MetricsSnapshot {
  return {
    timestamp: Date.now(), serviceId: 'payments', calls: [], sessions: { inbound: 0, outbound: 0 }, bytes: { sent: 0, received: 0 }, handshakes: {}, retries: 0, rateLimited: 0, overloaded: 0,
    breakers: [], rekeys: 0, rekeysByTrigger: {}, rekeysFailed: 0, keys: { oldestSessionKeyMs: 0 }, authorizationDenied: 0,
    stats: {
      service: 'payments', sessions: { activeSessions: 0 }, connectedServices: [],
      metrics: { messagesSent: 0, messagesFailed: 0, messagesReceived: 0, connectionsSuccessful: 0, connectionsFailed: 0, averageLatency: 0, circuitBreakerState: 'closed' },
    },
    ...more,
  };
}
