import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { Endpoint } from './endpoint.js';

/** What looking a service up has come to. */
export interface LookUp {
  /** Of the last one; `undefined` where it worked, or is under way. */
  readonly error: MeshError | undefined;
  /** Whether one ever worked. */
  readonly answered: boolean;
  /** Whether there ever were instances. */
  readonly everKnown: boolean;
  /** It found the own instance alone. */
  readonly onlyOwn: boolean;
  /** Where was looked, for people. */
  readonly where: string;
}

/** Nobody calls the service from here any more. */
export const closedHere = (serviceId: string): MeshError => new MeshError('session_closed', `the connection to ${serviceId} was closed here`, { mayHaveRun: false });

/** Where every instance failed to prove itself, the failure of one. */
export function untrustedPeer(endpoints: Iterable<Endpoint>): MeshError | undefined {
  let found: MeshError | undefined;
  for (const { error } of endpoints) {
    if (error?.code !== 'UNAUTHENTICATED') return undefined;
    found = error;
  }
  return found;
}

/** Why a call finds no session: `mayHaveRun` is false. */
export function noSession(serviceId: string, endpoints: readonly Endpoint[], lookUp: LookUp): MeshError {
  const untrusted = untrustedPeer(endpoints);
  if (untrusted !== undefined) return new MeshError(untrusted.reason, untrusted.text, { cause: untrusted, mayHaveRun: false });
  if (endpoints.length === 0) return nobody(serviceId, lookUp);
  const last = endpoints.map(({ error }) => error).find((error) => error !== undefined);
  const text = `none of ${endpoints.length} instance(s) of '${serviceId}' is reachable${last === undefined ? '' : `; one said: ${last.message}`}`;
  return new MeshError('no_endpoint', text, { mayHaveRun: false, cause: last });
}

function nobody(serviceId: string, { error, answered, everKnown, onlyOwn, where }: LookUp): MeshError {
  if (error !== undefined) return new MeshError('discovery_failed', `cannot look up '${serviceId}': ${error.text}`, { cause: error, mayHaveRun: false });
  // Nobody can say that a service does not exist before anybody has looked.
  if (!answered) return new MeshError('discovery_failed', `cannot look up '${serviceId}': no answer yet from ${where}`, { mayHaveRun: false });
  if (!everKnown) return new MeshError('unknown_service', `no ${onlyOwn ? 'other ' : ''}'${serviceId}' in ${where}`, { mayHaveRun: false });
  return new MeshError('no_endpoint', `every instance of '${serviceId}' is gone from ${where}`, { mayHaveRun: false });
}
