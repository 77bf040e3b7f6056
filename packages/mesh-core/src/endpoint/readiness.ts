import type { CircuitBreakerState } from '@lemur-bookstores/mesh-interface';
import type { Balancer } from './balancer.js';
import type { Endpoint } from './endpoint.js';

/**
 * The endpoint of choice among those that take a call at once: connected, with a breaker that lets calls through, and heard of lately. One that has
 * been silent for so long that it is asked first keeps no call waiting while another is there. Where none takes one, `undefined`: an answer of one
 * that was asked is worth waiting for; or, where breakers alone stand in the way, the one that lets calls through again first: its session refuses the
 * call and says when.
 * @param now monotonic time, in ms
 */
export function chooseReady(balancer: Balancer<Endpoint>, connected: readonly Endpoint[], now: number): Endpoint | undefined {
  const first = balancer.pick(now);
  // The usual case allocates nothing.
  if (first === undefined || takesCalls(first, now)) return first;
  const ready = connected.filter((endpoint) => takesCalls(endpoint, now));
  if (ready.length > 0) return balancer.pickAmong(ready, now);
  return connected.some((endpoint) => endpoint.session !== undefined && isReady(endpoint, now)) ? undefined : soonest(connected, now);
}

/** The worst of some breakers: open, half-open, closed. */
export function worstState(states: Iterable<CircuitBreakerState>): CircuitBreakerState {
  let worst: CircuitBreakerState = 'closed';
  for (const state of states) {
    if (state === 'open') return state;
    if (state === 'half-open') worst = state;
  }
  return worst;
}

/** One that has been silent is asked meanwhile. */
function takesCalls(endpoint: Endpoint, now: number): boolean {
  const session = endpoint.session?.session;
  if (session === undefined || !isReady(endpoint, now)) return false;
  if (!session.isStale(now)) return true;
  session.verify();
  return false;
}

const isReady = ({ breaker }: Endpoint, now: number): boolean => breaker === undefined || breaker.isReady(now);

function soonest(connected: readonly Endpoint[], now: number): Endpoint | undefined {
  let best: Endpoint | undefined;
  let bestMs = Infinity;
  for (const endpoint of connected) {
    if (endpoint.session === undefined) continue;
    const waitMs = endpoint.breaker?.waitMs(now) ?? 0;
    if (best !== undefined && waitMs >= bestMs) continue;
    best = endpoint;
    bestMs = waitMs;
  }
  return best;
}
