import type { CircuitBreakerState } from '@lemur-bookstores/mesh-interface';
import type { EndpointPicker } from './endpoint-picker.js';
import type { Endpoint } from './endpoint.js';

/**
 * The endpoint of choice among those whose breaker lets calls through. Where none does, the one that does so again first: its session
 * refuses the call and says when.
 * @param now monotonic time, in ms
 */
export function chooseReady(connected: readonly Endpoint[], pick: EndpointPicker, now: number): Endpoint {
  const first = pick(connected);
  // The usual case allocates nothing.
  if (isReady(first, now)) return first;
  const ready = connected.filter((endpoint) => isReady(endpoint, now));
  return ready.length > 0 ? pick(ready) : soonest(connected, now);
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

const isReady = ({ breaker }: Endpoint, now: number): boolean => breaker === undefined || breaker.isReady(now);

function soonest(connected: readonly Endpoint[], now: number): Endpoint {
  let best = connected[0] as Endpoint;
  let bestMs = Infinity;
  for (const endpoint of connected) {
    const waitMs = endpoint.breaker?.refusal(now).retryAfterMs ?? 0;
    if (waitMs >= bestMs) continue;
    best = endpoint;
    bestMs = waitMs;
  }
  return best;
}
