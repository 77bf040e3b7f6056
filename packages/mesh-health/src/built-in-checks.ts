import type { AuditStats, HealthCheck, HealthStatus, MeshError } from '@lemur-bookstores/mesh-interface';

/** What the check `mesh-core` looks at. */
export interface MeshCoreState {
  isListening(): boolean;
  activeSessions(): number;
}

/** What the check `discovery` looks at. */
export interface DiscoveryState {
  /** ms since 1970; 0 = never. */
  readonly lastSuccessAt: number;
  readonly lastError: MeshError | undefined;
  readonly knownServices: number;
}

/** Whether the mesh listens for its peers. */
export function meshCoreCheck(state: MeshCoreState): HealthCheck {
  return {
    name: 'mesh-core',
    check: () => {
      const details = { activeSessions: state.activeSessions() };
      return state.isListening() ? result('healthy', details) : { ...result('unhealthy', details), error: 'not listening' };
    },
  };
}

/** Whether both cryptographic implementations give the known answers and open what the other sealed. */
export function cryptoCheck(state: { selfTest(): void | Promise<void> }): HealthCheck {
  return {
    name: 'crypto',
    check: async () => {
      await state.selfTest();
      return result('healthy', { selfTest: 'passed' });
    },
  };
}

/** Whether services can be looked up. Not critical: peers that are known are called all the same. */
export function discoveryCheck(state: () => DiscoveryState): HealthCheck {
  return {
    name: 'discovery',
    critical: false,
    check: () => {
      const { lastSuccessAt, lastError, knownServices } = state();
      const details = { knownServices, lastSuccessAt };
      return lastError === undefined ? result('healthy', details) : { ...result('degraded', details), error: lastError.message };
    },
  };
}

/** Whether audit events reach every adapter. Not critical: a sink that is down must not restart the service. */
export function auditCheck(state: () => AuditStats): HealthCheck {
  let known = new Map<string, { delivered: number; failures: number; lost: number }>();
  return {
    name: 'audit',
    critical: false,
    check: () => {
      const { adapters } = state();
      const troubles = adapters.flatMap(({ adapter, delivered, failures, dropped, deadLettered }) => {
        const before = known.get(adapter) ?? { delivered: 0, failures: 0, lost: 0 };
        if (dropped + deadLettered > before.lost) return [`${adapter} lost ${dropped + deadLettered - before.lost} event(s)`];
        return failures > before.failures && delivered === before.delivered ? [`${adapter} takes nothing`] : [];
      });
      known = new Map(adapters.map(({ adapter, delivered, failures, dropped, deadLettered }) => [adapter, { delivered, failures, lost: dropped + deadLettered }]));
      const details = { adapters };
      return troubles.length === 0 ? result('healthy', details) : { ...result('degraded', details), error: troubles.join('; ') };
    },
  };
}

function result(status: HealthStatus, details: Readonly<Record<string, unknown>>): { status: HealthStatus; timestamp: Date; details: Readonly<Record<string, unknown>> } {
  return { status, timestamp: new Date(), details };
}
