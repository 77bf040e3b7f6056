import type { EventLoopDelay } from './event-loop-lag.js';
import { systemClock, type AuditLaneStats, type AuditStats, type Clock, type HealthCheck, type HealthCheckResult, type MeshError } from '@lemur-bookstores/mesh-interface';

/** What the check `mesh-core` looks at. */
export interface MeshCoreState {
  isListening(): boolean;
  /** Live authenticated sessions, both directions. */
  activeSessions(): number;
  /** The same by direction. */
  sessions?(): { readonly inbound: number; readonly outbound: number };
  /** How late the event loop was since the last look; `undefined` while that is not measured. */
  eventLoop?(): EventLoopDelay | undefined;
}

/** What the check `discovery` looks at. */
export interface DiscoveryState {
  /** ms since 1970; 0 = never. */
  readonly lastSuccessAt: number;
  /** Why the last look-up failed; `undefined` if it did not. */
  readonly lastError: MeshError | undefined;
  readonly knownServices: number;
}

/**
 * `mesh-core`, critical: whether the mesh listens for its peers. Having none at the moment is no illness, and a late event loop is shown and not judged: a
 * service under load would be taken out of rotation, or restarted, and its load would go to the others.
 */
export function meshCoreCheck(state: MeshCoreState, clock: Clock = systemClock): HealthCheck {
  return {
    name: 'mesh-core',
    check: () => {
      const [sessions, eventLoop] = [state.sessions?.(), state.eventLoop?.()];
      const details = { listening: state.isListening(), activeSessions: state.activeSessions(), ...(sessions === undefined ? {} : { sessions }), ...(eventLoop === undefined ? {} : { eventLoop }) };
      return details.listening ? healthy(clock, details) : troubled(clock, 'unhealthy', 'not listening', details);
    },
  };
}

/** What the check `crypto` looks at. */
export interface CryptoState {
  /** Throws or rejects where the implementations do not agree. */
  selfTest(): void | Promise<void>;
  /** The own certificate; `undefined` while there is none. */
  certificate?(): { readonly notAfter: number; readonly remainingMs: number; readonly state: 'valid' | 'expiring' | 'expired' } | undefined;
  /** The key of handshakes, against its cryptoperiod; `undefined` while there is none. */
  staticKey?(): { readonly keyId: string; readonly ageMs: number; readonly intervalMs?: number; readonly overdue: boolean } | undefined;
}

/**
 * `crypto`, critical: whether both cryptographic implementations give the known answers and open what the other sealed, and whether
 * the own certificate still counts: once it has expired, no peer takes a new connection. Degraded: the certificate ends soon, or the static key is
 * too old, and what should have been changed was not.
 */
export function cryptoCheck(state: CryptoState, clock: Clock = systemClock): HealthCheck {
  return {
    name: 'crypto',
    check: async () => {
      await state.selfTest();
      const [certificate, staticKey] = [state.certificate?.(), state.staticKey?.()];
      const notAfter = certificate === undefined ? '' : new Date(certificate.notAfter).toISOString();
      const details = {
        selfTest: 'passed',
        ...(certificate === undefined ? {} : { certificate: { ...certificate, notAfter, daysLeft: Math.floor((10 * certificate.remainingMs) / DAY_MS) / 10 } }),
        ...(staticKey === undefined ? {} : { staticKey }),
      };
      if (certificate?.state === 'expired') return troubled(clock, 'unhealthy', `the own certificate expired at ${notAfter}`, details);
      const late = [
        ...(certificate?.state === 'expiring' ? [`the own certificate ends at ${notAfter} and was not replaced: renew it`] : []),
        ...(staticKey?.overdue === true ? [`the static key is ${Math.round(staticKey.ageMs / 1_000)} s old and was to be rotated every ${Math.round((staticKey.intervalMs ?? 0) / 1_000)} s`] : []),
      ];
      return late.length === 0 ? healthy(clock, details) : troubled(clock, 'degraded', late.join('; '), details);
    },
  };
}

const DAY_MS = 86_400_000;

/** `discovery`, not critical: whether services can be looked up. Peers that are known are called all the same. */
export function discoveryCheck(state: () => DiscoveryState, clock: Clock = systemClock): HealthCheck {
  return {
    name: 'discovery',
    critical: false,
    check: () => {
      const { lastSuccessAt, lastError, knownServices } = state();
      // From the wall clock, which may have been put back.
      const lastSuccess = lastSuccessAt === 0 ? {} : { lastSuccessAgoMs: Math.max(0, clock.now() - lastSuccessAt) };
      const details = { knownServices, lastSuccessAt, ...lastSuccess, ...(lastError === undefined ? {} : { reason: lastError.reason }) };
      return lastError === undefined ? healthy(clock, details) : troubled(clock, 'degraded', lastError.message, details);
    },
  };
}

/**
 * `audit`, not critical, so that a sink that is down restarts nothing. Unhealthy: an adapter lost events since the last look, or
 * its lane is full and so about to. Degraded: events wait, in memory or in the spill, and the adapter failed and took nothing since, or the
 * oldest in memory has waited for longer than a delivery may take; the adapter refused for good what it got last, as one whose key is wrong does with
 * everything; or the spill is 80 % full.
 */
export function auditCheck(state: () => AuditStats, clock: Clock = systemClock): HealthCheck {
  let known = new Map<string, AuditLaneStats>();
  return {
    name: 'audit',
    critical: false,
    check: () => {
      const { adapters } = state();
      const losing: string[] = [];
      const stuck: string[] = [];
      for (const lane of adapters) {
        const before = known.get(lane.adapter);
        const losses = lossesOf(lane) - (before === undefined ? 0 : lossesOf(before));
        if (losses > 0) losing.push(`${lane.adapter} lost ${losses} event(s)`);
        else if (lane.full) losing.push(`${lane.adapter} has no room for more events`);
        else if (lane.queued + lane.spilled > 0 && lane.failing) stuck.push(`${lane.adapter} takes nothing${spillText(lane)}`);
        else if (lane.failing && lane.deadLettered > 0) stuck.push(`${lane.adapter} refused what it got last`);
        else if (lane.spillBytes > SPILL_ALARM * lane.spillMaxBytes) stuck.push(`${lane.adapter} is behind${spillText(lane)}`);
        else if (lane.oldestQueuedMs > lane.deliveryTimeoutMs) stuck.push(`${lane.adapter} is ${Math.round(lane.oldestQueuedMs / 1_000)} s behind`);
      }
      known = new Map(adapters.map((lane) => [lane.adapter, lane]));
      const details = { adapters };
      const error = [...losing, ...stuck].join('; ');
      return error === '' ? healthy(clock, details) : troubled(clock, losing.length > 0 ? 'unhealthy' : 'degraded', error, details);
    },
  };
}

/** The share of a spill from which on somebody should know. */
const SPILL_ALARM = 0.8;

const spillText = ({ spilled, spillBytes, spillMaxBytes }: AuditLaneStats): string =>
  spilled === 0 ? '' : `, ${spilled} event(s) in a spill that is ${Math.round((100 * spillBytes) / spillMaxBytes)} % full`;

const lossesOf = ({ dropped, deadLettered }: AuditLaneStats): number => dropped + deadLettered;

type Details = Readonly<Record<string, unknown>>;

const healthy = (clock: Clock, details: Details): HealthCheckResult => ({ status: 'healthy', timestamp: new Date(clock.now()), details });

const troubled = (clock: Clock, status: 'degraded' | 'unhealthy', error: string, details: Details): HealthCheckResult => ({
  status,
  timestamp: new Date(clock.now()),
  error,
  details,
});
