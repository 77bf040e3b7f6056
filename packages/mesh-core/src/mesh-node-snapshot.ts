import type { BreakerMetrics, CallMetrics, CircuitBreakerState, RekeyTrigger } from '@lemur-bookstores/mesh-interface';
import type { CallStatistics } from './call/call-statistics.js';
import type { Denials } from './call/denials.js';
import type { ServiceDirectory } from './endpoint/service-directory.js';
import type { ConnectionJournal } from './session/connection-journal.js';
import type { InboundSession } from './session/inbound-session.js';

/** Figures of a node at one moment. */
export interface MeshNodeSnapshot {
  readonly calls: readonly CallMetrics[];
  readonly messagesSent: number;
  readonly messagesFailed: number;
  /** Attempts after a call's first one; `messagesSent` does not count them. */
  readonly retries: number;
  readonly messagesReceived: number;
  /** Calls in that the gate refused. */
  readonly rateLimited: number;
  readonly overloaded: number;
  readonly averageLatency: number;
  readonly connectionsSuccessful: number;
  readonly connectionsFailed: number;
  readonly sessions: { readonly inbound: number; readonly outbound: number };
  readonly connectedServices: readonly string[];
  readonly handshakes: Readonly<Record<string, number>>;
  readonly bytes: { readonly sent: number; readonly received: number };
  /** Changes of the keys of sessions that both ends have completed: their epochs, added up. */
  readonly rekeys: number;
  /** Changes of keys that both ends have completed, by what brought them about. */
  readonly rekeysByTrigger: Readonly<Partial<Record<RekeyTrigger, number>>>;
  /** Sessions whose keys could not be changed any more. */
  readonly rekeysFailed: number;
  /** Age of the oldest key that a live session uses, in ms; 0 without sessions. */
  readonly oldestSessionKeyMs: number;
  /** Calls in that were denied to their peer, those among them that were let through to be audited. */
  readonly authorizationDenied: number;
  /** The worst of all instances called. */
  readonly circuitBreakerState: CircuitBreakerState;
  readonly breakers: readonly BreakerMetrics[];
}

/** Sessions that only end their calls count as any other. */
export function takeSnapshot(statistics: CallStatistics, retries: number, denials: Denials, journal: ConnectionJournal, inbound: readonly InboundSession[], directory: ServiceDirectory): MeshNodeSnapshot {
  const outbound = directory.sessions();
  const all = [...inbound, ...outbound];
  const { sent, received } = journal.endedBytes;
  return {
    calls: statistics.snapshot(),
    messagesSent: statistics.messagesSent,
    messagesFailed: statistics.messagesFailed,
    retries,
    messagesReceived: statistics.messagesReceived,
    rateLimited: statistics.rateLimited,
    overloaded: statistics.overloaded,
    averageLatency: statistics.averageLatency(),
    connectionsSuccessful: journal.successful,
    connectionsFailed: journal.failed,
    sessions: { inbound: inbound.length, outbound: outbound.length },
    connectedServices: [...new Set(all.map(({ peer }) => peer.serviceId))].sort(),
    handshakes: journal.handshakes,
    rekeys: all.reduce((sum, { session }) => sum + session.channel.epoch, journal.endedRekeys),
    rekeysByTrigger: journal.rekeysByTrigger,
    rekeysFailed: journal.rekeysFailed,
    oldestSessionKeyMs: all.reduce((oldest, { session }) => Math.max(oldest, session.channel.rekeying?.usage.ageMs ?? 0), 0),
    authorizationDenied: denials.count,
    circuitBreakerState: directory.breakerState,
    breakers: directory.breakers(),
    bytes: {
      sent: all.reduce((sum, { session }) => sum + session.packer.sentBytes, sent),
      received: all.reduce((sum, { session }) => sum + session.receivedBytes, received),
    },
  };
}
