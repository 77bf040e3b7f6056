import type { DiscoveryProvider, ServiceNode } from '@lemur-bookstores/mesh-interface';
import { configuredNode } from './configured-node.js';

/** A fixed list of instances, written by the operator: the only provider whose `spiffeId` and `publicKey` count. Hand its nodes on as they are; a copy loses both. */
export class StaticDiscovery implements DiscoveryProvider {
  readonly description = 'discovery.services';
  readonly #nodes: readonly ServiceNode[];

  constructor(nodes: readonly ServiceNode[]) {
    this.#nodes = nodes.map(configuredNode);
  }

  /** The ids in the list. */
  get serviceIds(): string[] {
    return [...new Set(this.#nodes.map((node) => node.id))];
  }

  register(): Promise<void> {
    return Promise.resolve();
  }

  discover(serviceId: string): Promise<ServiceNode[]> {
    return Promise.resolve(this.#nodes.filter((node) => node.id === serviceId));
  }

  /** The list never changes: nothing to hear. */
  watch(): () => void {
    return () => {};
  }
}
