import type { HealthCheck, HealthStatus } from '@lemur-bookstores/mesh-interface';
import type { AuditLogger } from '@lemur-bookstores/mesh-audit';
import type { MeshNode } from '@lemur-bookstores/mesh-core';
import type { CryptoManager, OwnKeyJournal } from '@lemur-bookstores/mesh-crypto';
import { auditCheck, cryptoCheck, discoveryCheck, meshCoreCheck, type EventLoopLag, type HealthMonitor } from '@lemur-bookstores/mesh-health';

/** What the checks look at. */
export interface CheckedParts {
  readonly node: MeshNode;
  readonly crypto: CryptoManager;
  readonly audit: AuditLogger;
  readonly ownKeys: OwnKeyJournal;
  readonly eventLoop: EventLoopLag;
}

/** Adds the checks every mesh has. Returns the function that takes them away. */
export function registerBuiltInChecks(health: HealthMonitor, { node, crypto, audit, ownKeys, eventLoop }: CheckedParts): () => void {
  const checks: HealthCheck[] = [
    meshCoreCheck({
      isListening: () => node.state === 'running',
      activeSessions: () => {
        const { inbound, outbound } = node.snapshot().sessions;
        return inbound + outbound;
      },
      sessions: () => node.snapshot().sessions,
      eventLoop: () => eventLoop.take(),
    }),
    // Before and after its time a mesh has no certificate to speak of.
    cryptoCheck({
      selfTest: () => crypto.selfTest(),
      certificate: () => (node.state === 'running' ? crypto.certificateState() : undefined),
      staticKey: () => ownKeys.staticKeyState(),
    }),
    discoveryCheck(() => node.discoveryState),
    ...(audit.enabled && audit.stats().adapters.length > 0 ? [auditCheck(() => audit.stats())] : []),
  ];
  for (const check of checks) health.registerCheck(check);
  return () => {
    for (const { name } of checks) health.unregisterCheck(name);
  };
}

/** The last status of a check; `undefined` if there is none of that name, which a peer may have made up. */
export function statusOf(health: HealthMonitor, name: string): HealthStatus | undefined {
  const results = health.getResults();
  return Object.hasOwn(results, name) ? results[name]?.status : undefined;
}
