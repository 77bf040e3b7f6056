import type { HealthCheck } from '@lemur-bookstores/mesh-interface';
import type { AuditLogger } from '@lemur-bookstores/mesh-audit';
import type { MeshNode } from '@lemur-bookstores/mesh-core';
import type { CryptoManager, OwnKeyJournal } from '@lemur-bookstores/mesh-crypto';
import { auditCheck, cryptoCheck, discoveryCheck, meshCoreCheck, type HealthMonitor } from '@lemur-bookstores/mesh-health';

/** Adds the checks every mesh has. Returns the function that takes them away. */
export function registerBuiltInChecks(health: HealthMonitor, node: MeshNode, crypto: CryptoManager, audit: AuditLogger, ownKeys: OwnKeyJournal): () => void {
  const checks: HealthCheck[] = [
    meshCoreCheck({
      isListening: () => node.state === 'running',
      activeSessions: () => {
        const { inbound, outbound } = node.snapshot().sessions;
        return inbound + outbound;
      },
    }),
    // Before and after its time a mesh has no certificate to speak of.
    cryptoCheck({
      selfTest: () => crypto.selfTest(),
      certificate: () => (node.state === 'running' ? crypto.certificateState() : undefined),
      staticKey: () => ownKeys.staticKeyState(),
    }),
    discoveryCheck(() => node.discoveryState),
    ...(audit.enabled ? [auditCheck(() => audit.stats())] : []),
  ];
  for (const check of checks) health.registerCheck(check);
  return () => {
    for (const { name } of checks) health.unregisterCheck(name);
  };
}
