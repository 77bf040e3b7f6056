import type { Logger, ServiceNode } from '@lemur-bookstores/mesh-interface';
import { claimsTrust } from './configured-node.js';

/** What discovery says of whom to trust, which does not count: an operator who relies on a pin or an id of it must hear of that, once. */
export class TrustClaims {
  readonly #serviceId: string;
  readonly #logger: Logger;
  #warned = false;

  constructor(serviceId: string, logger: Logger) {
    this.#serviceId = serviceId;
    this.#logger = logger;
  }

  warnOf(nodes: readonly ServiceNode[]): void {
    if (this.#warned || !nodes.some(claimsTrust)) return;
    this.#warned = true;
    this.#logger.warn(`discovery says whom to trust as ${this.#serviceId}: ignored; publicKey and spiffeId count in discovery.services (StaticDiscovery) only`);
  }
}
