import type { CircuitBreakerState } from '@lemur-bookstores/mesh-interface';
import type { Endpoint } from './endpoint/endpoint.js';
import type { ServiceDirectory } from './endpoint/service-directory.js';
import type { InboundSession } from './session/inbound-session.js';

/** An instance of a service that this node calls. */
export interface TopologyEndpoint {
  /** `host:port` */
  readonly endpoint: string;
  readonly instanceId?: string;
  readonly state: Endpoint['state']['type'];
  /** Why there is no session: a reason of docs/errors.md. */
  readonly reason?: string;
  /** Who proved to be there: its SPIFFE id. Absent without a session. */
  readonly peerId?: string;
  /** Sessions, those included that only end their calls. */
  readonly sessions: number;
  readonly callsInFlight: number;
  /** Absent where breakers are off. */
  readonly breaker?: CircuitBreakerState;
}

/** A service that this node calls. */
export interface TopologyService {
  readonly service: string;
  readonly endpoints: readonly TopologyEndpoint[];
}

/** Somebody who calls this node. */
export interface TopologyPeer {
  readonly service: string;
  /** Its SPIFFE id. */
  readonly peerId: string;
  readonly sessions: number;
  readonly callsInFlight: number;
}

/** Who is connected to whom, as one node sees it: plain JSON. */
export interface MeshTopology {
  /** Whom it calls, by id. */
  readonly outbound: readonly TopologyService[];
  /** Who calls it, by id. */
  readonly inbound: readonly TopologyPeer[];
}

/** What it is at this moment. */
export function takeTopology(directory: ServiceDirectory, inbound: readonly InboundSession[]): MeshTopology {
  const outbound = directory.services().map((service) => ({ service: service.serviceId, endpoints: service.endpoints().map(endpointOf) }));
  const peers = new Map<string, TopologyPeer>();
  for (const { peer, calls } of inbound) {
    const { sessions = 0, callsInFlight = 0 } = peers.get(peer.id) ?? {};
    peers.set(peer.id, { service: peer.serviceId, peerId: peer.id, sessions: sessions + 1, callsInFlight: callsInFlight + calls.size });
  }
  return { outbound, inbound: [...peers.values()].sort((a, b) => (a.peerId < b.peerId ? -1 : 1)) };
}

function endpointOf({ node: { host, port, instanceId }, state, error, sessions, breaker }: Endpoint): TopologyEndpoint {
  const [live] = sessions;
  return {
    endpoint: `${host}:${port}`,
    ...(instanceId === undefined ? {} : { instanceId }),
    state: state.type,
    ...(error === undefined ? {} : { reason: error.reason }),
    ...(live === undefined ? {} : { peerId: live.peer.id }),
    sessions: sessions.length,
    callsInFlight: sessions.reduce((sum, { outstanding }) => sum + outstanding, 0),
    ...(breaker === undefined ? {} : { breaker: breaker.state }),
  };
}
