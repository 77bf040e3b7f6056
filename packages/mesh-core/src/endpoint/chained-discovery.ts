import type { DiscoveryProvider, ServiceNode } from '@lemur-bookstores/mesh-interface';
import type { StaticDiscovery } from './static-discovery.js';

/** The configured list for the services it names, another provider for the rest and for making the own service findable. */
export class ChainedDiscovery implements DiscoveryProvider {
  readonly #listed: StaticDiscovery;
  readonly #others: DiscoveryProvider;
  readonly #listedIds: ReadonlySet<string>;
  /** Only where the other provider can watch: without it the caller polls. */
  readonly watch?: NonNullable<DiscoveryProvider['watch']>;

  constructor(listed: StaticDiscovery, others: DiscoveryProvider) {
    this.#listed = listed;
    this.#others = others;
    this.#listedIds = new Set(listed.serviceIds);
    if (others.watch !== undefined) this.watch = (serviceId, ...listeners) => this.#of(serviceId).watch?.(serviceId, ...listeners) ?? (() => {});
  }

  get description(): string {
    return `${this.#listed.description}, nor in ${this.#others.description ?? 'the discovery provider'}`;
  }

  /** Only the other provider is told of the own service. */
  get local(): boolean {
    return this.#others.local === true;
  }

  register(node: ServiceNode): Promise<void> {
    return this.#others.register(node);
  }

  async deregister(node: ServiceNode): Promise<void> {
    await this.#others.deregister?.(node);
  }

  discover(serviceId: string): Promise<ServiceNode[]> {
    return this.#of(serviceId).discover(serviceId);
  }

  async close(): Promise<void> {
    await this.#others.close?.();
  }

  #of(serviceId: string): DiscoveryProvider {
    return this.#listedIds.has(serviceId) ? this.#listed : this.#others;
  }
}
