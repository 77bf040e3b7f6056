import { MeshError, type DiscoveryProvider, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { invalid, resolveDnsDiscoveryOptions, type DnsDiscoveryOptions, type DnsDiscoverySettings } from './dns-discovery-options.js';
import { DnsClient } from './dns-client.js';
import { completeTarget, describeTarget, targetProblems, type CompleteTarget } from './dns-target.js';
import type { Resolver } from './resolver.js';
import { ServiceLookUp, type InstanceAddress } from './service-look-up.js';
import { WatchedName } from './watched-name.js';

/** Names that nobody watches are kept so far: what was looked up last. */
const MAX_NAMES = 1_000;
/** In a description, of those that are listed. */
const NAMED = 3;
const A_LONG_TIME_MS = 1_000_000_000;

/**
 * Finds services by DNS: Kubernetes' headless services, Consul, any zone with SRV, A or AAAA records. It says where a service is, never whom to trust as it: each
 * instance still proves to be `spiffe://<trust domain>/<serviceId>`.
 */
export class DnsDiscovery implements DiscoveryProvider {
  readonly #settings: DnsDiscoverySettings;
  readonly #resolver: Resolver;
  /** By target; the one used last is last. */
  readonly #names = new Map<string, WatchedName>();
  #closed = false;

  /** @throws MeshError `invalid_option` that names every problem by its path. Asks nothing yet */
  constructor(options: DnsDiscoveryOptions) {
    this.#settings = resolveDnsDiscoveryOptions(options);
    this.#resolver = this.#settings.resolver ?? new DnsClient(this.#settings);
  }

  get description(): string {
    const { services } = this.#settings;
    if (typeof services === 'function') return this.#resolver.description;
    const targets = Object.values(services).map((target) => describeTarget(completeTarget(target)));
    const more = targets.length > NAMED ? ` and ${targets.length - NAMED} more` : '';
    return `${this.#resolver.description} (${targets.slice(0, NAMED).join(', ')}${more})`;
  }

  /** DNS is told by others: the orchestrator, the registry, the operator. */
  register(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * @returns what DNS says, at most as old as its TTL; what it last said while it does not answer
   * @throws MeshError `discovery_failed`: it does not answer, and no instance is known; or `close()`. `invalid_option`: `services` gave no DNS name for it
   */
  async discover(serviceId: string): Promise<ServiceNode[]> {
    if (this.#closed) throw new MeshError('discovery_failed', `cannot look up '${serviceId}': discovery is closed`);
    const target = this.#targetOf(serviceId);
    if (target === undefined) return [];
    // What is asked with keeps no process alive, whoever asked first: this does, for as long as somebody waits.
    const alive = setInterval(() => {}, A_LONG_TIME_MS);
    try {
      return nodesOf(serviceId, await this.#nameOf(target).instances());
    } finally {
      clearInterval(alive);
    }
  }

  /**
   * Looks the service up again whenever its TTL is over, and tells of each change. A look-up that fails takes nothing away; that nothing is left is told once it has
   * been said for `emptyAfterMs`. That `services` gave no DNS name for it is told like a look-up that failed.
   */
  watch(serviceId: string, listener: (nodes: ServiceNode[]) => void, onLookUp?: (error: MeshError | undefined) => void): () => void {
    let target: CompleteTarget | undefined;
    try {
      target = this.#closed ? undefined : this.#targetOf(serviceId);
    } catch (error) {
      const failure = MeshError.from(error, 'discovery_failed');
      if (onLookUp === undefined) this.#settings.logger.warn(`cannot look up ${serviceId}: ${failure.text}`);
      else queueMicrotask(() => onLookUp(failure));
    }
    if (target === undefined) return () => {};
    return this.#nameOf(target).watch({ onInstances: (instances) => listener(nodesOf(serviceId, instances)), onLookUp });
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const name of this.#names.values()) name.close();
    this.#names.clear();
    this.#resolver.close();
    return Promise.resolve();
  }

  #targetOf(serviceId: string): CompleteTarget | undefined {
    const { services } = this.#settings;
    if (typeof services !== 'function') {
      const target = Object.hasOwn(services, serviceId) ? services[serviceId] : undefined;
      return target === undefined ? undefined : completeTarget(target);
    }
    const target = services(serviceId);
    if (target === undefined) return undefined;
    const problems = targetProblems(`services(${JSON.stringify(serviceId)})`, target);
    if (problems.length > 0) throw invalid(problems);
    return completeTarget(target);
  }

  #nameOf(target: CompleteTarget): WatchedName {
    const key = describeTarget(target);
    const name = this.#names.get(key) ?? this.#newName(target, key);
    this.#names.delete(key);
    this.#names.set(key, name);
    for (const [other, { isWatched }] of this.#names) {
      if (this.#names.size <= MAX_NAMES) break;
      if (!isWatched && other !== key) this.#names.delete(other);
    }
    return name;
  }

  #newName(target: CompleteTarget, name: string): WatchedName {
    const lookUp = new ServiceLookUp(target, this.#resolver, this.#settings.ipVersion);
    return new WatchedName({ ...this.#settings, name, find: (asking) => lookUp.find(asking) });
  }
}

const nodesOf = (serviceId: string, instances: readonly InstanceAddress[]): ServiceNode[] => instances.map(({ host, port }) => ({ id: serviceId, host, port }));
