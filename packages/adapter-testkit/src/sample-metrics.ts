import type { MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import { deepFreeze } from './deep-freeze.js';

/** The metrics of a mesh that has made some calls. Frozen. */
export function sampleMetrics(serviceId: string): MetricsSnapshot {
  return deepFreeze({
    timestamp: Date.UTC(2026, 0, 1),
    serviceId,
    calls: [
      {
        direction: 'outbound',
        peer: 'payment-service',
        method: 'charge',
        started: 5,
        ended: { OK: 3, UNAVAILABLE: 1 },
        duration: { bounds: [0.01, 0.1, 1], counts: [2, 1, 0, 1], sum: 2.5, count: 4 },
        idleMs: 1_500,
      },
    ],
    sessions: { inbound: 1, outbound: 2 },
    bytes: { sent: 12_345, received: 67_890 },
    handshakes: { ok: 3, peer_untrusted: 1 },
    retries: 2,
    rateLimited: 1,
    overloaded: 0,
    breakers: [{ service: 'payment-service', endpoint: '127.0.0.1:50052', state: 'closed' }],
    rekeys: 2,
    rekeysByTrigger: { interval: 2 },
    rekeysFailed: 0,
    keys: { staticKey: { ageMs: 60_000, intervalMs: 3_600_000, overdue: false }, oldestSessionKeyMs: 30_000 },
    certificate: { notAfter: Date.UTC(2026, 1, 1) },
    authorizationDenied: 1,
    eventLoop: { meanMs: 0.4, p99Ms: 2.1, maxMs: 12.5, utilization: 0.2 },
    stats: {
      service: serviceId,
      sessions: { activeSessions: 3 },
      connectedServices: ['payment-service', 'user-service'],
      metrics: {
        messagesSent: 5,
        messagesFailed: 1,
        messagesReceived: 7,
        connectionsSuccessful: 3,
        connectionsFailed: 1,
        averageLatency: 12.5,
        circuitBreakerState: 'closed',
      },
      audit: { emitted: 9, adapters: [] },
    },
  });
}
