import type { MeshStats } from '@lemur-bookstores/mesh-interface';
import type { AuditLogger } from '@lemur-bookstores/mesh-audit';
import type { MeshNode } from '@lemur-bookstores/mesh-core';

/** What `getStats()` gives, at this moment. */
export function meshStats(node: MeshNode, audit: AuditLogger): MeshStats {
  const { sessions, connectedServices, messagesSent, messagesFailed, messagesReceived, connectionsSuccessful, connectionsFailed, averageLatency, circuitBreakerState } = node.snapshot();
  return {
    service: node.serviceId,
    sessions: { activeSessions: sessions.inbound + sessions.outbound },
    connectedServices,
    metrics: { messagesSent, messagesFailed, messagesReceived, connectionsSuccessful, connectionsFailed, averageLatency, circuitBreakerState },
    audit: audit.stats(),
  };
}
