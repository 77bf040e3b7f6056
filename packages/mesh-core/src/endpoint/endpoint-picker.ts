import type { Endpoint } from './endpoint.js';

/** How an instance is chosen. */
export type LoadBalancingStrategy = 'least-loaded' | 'round-robin' | 'random';

export const LOAD_BALANCING_STRATEGIES: readonly LoadBalancingStrategy[] = ['least-loaded', 'round-robin', 'random'];

/** Chooses among the connected endpoints; they are never empty. */
export type EndpointPicker = (connected: readonly Endpoint[]) => Endpoint;

/** Makes the picker of a strategy; each service has its own. */
export function endpointPicker(strategy: LoadBalancingStrategy, random: () => number = Math.random): EndpointPicker {
  let turn = Math.floor(random() * 0x7fffffff);
  switch (strategy) {
    case 'random':
      return (connected) => connected[Math.floor(random() * connected.length)] as Endpoint;
    case 'round-robin':
      return (connected) => connected[(turn = (turn + 1) % 0x7fffffff) % connected.length] as Endpoint;
    case 'least-loaded':
      // Ties go round, so that equal instances share the load of a lone caller as well.
      return (connected) => {
        const { length } = connected;
        turn = (turn + 1) % 0x7fffffff;
        let best = connected[turn % length] as Endpoint;
        for (let i = 1; i < length; i++) {
          const other = connected[(turn + i) % length] as Endpoint;
          if (load(other) < load(best)) best = other;
        }
        return best;
      };
  }
}

const load = (endpoint: Endpoint): number => endpoint.session?.outstanding ?? Infinity;
