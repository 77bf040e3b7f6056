import { MeshError } from '@lemur-bookstores/mesh-interface';
import { additionalAddresses, lookUpAddresses, shortest, type FoundAddresses, type IpVersion } from './address-look-up.js';
import type { ServiceRecord } from './dns-message.js';
import type { CompleteTarget } from './dns-target.js';
import type { Asking, DnsAnswer, Resolver } from './resolver.js';

/** Where one instance listens. */
export interface InstanceAddress {
  readonly host: string;
  readonly port: number;
}

/** What a look-up has found. */
export interface FoundInstances {
  readonly instances: readonly InstanceAddress[];
  /** How long that holds, in s. */
  readonly ttl: number;
  /** Why some of it is missing, or is as it was before. */
  readonly trouble?: MeshError | undefined;
}

/** Targets of one service: more are not looked up. */
const MAX_TARGETS = 256;
/** Questions on their way at a time for one service. */
const MAX_AT_ONCE = 16;

/** Looks one service up, over and over. */
export class ServiceLookUp {
  readonly #target: CompleteTarget;
  readonly #resolver: Resolver;
  readonly #ipVersion: IpVersion;
  /** The addresses that the targets had, for when asking for one fails. */
  #remembered: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(target: CompleteTarget, resolver: Resolver, ipVersion: IpVersion) {
    this.#target = target;
    this.#resolver = resolver;
    this.#ipVersion = ipVersion;
  }

  /** @throws MeshError `discovery_failed` */
  async find(asking: Asking): Promise<FoundInstances> {
    const target = this.#target;
    if (target.type === 'srv') return this.#findByService(target.name, asking);
    const { addresses, ttl } = await lookUpAddresses(this.#resolver, target.name, this.#ipVersion, asking);
    return { instances: addresses.map((host) => ({ host, port: target.port })), ttl };
  }

  /** RFC 2782: of the priorities, the lowest number at which there is anybody. */
  async #findByService(name: string, asking: Asking): Promise<FoundInstances> {
    const answer = await this.#resolver.resolve({ name, type: 'SRV' }, asking);
    const records = answer.records.filter((record): record is ServiceRecord => record.type === 'SRV' && record.port > 0 && record.target !== '');
    let { ttl } = answer;
    for (const priority of [...new Set(records.map((record) => record.priority))].sort((a, b) => a - b)) {
      const found = await this.#findTargets(inUse(records, priority), answer, asking);
      ttl = Math.min(ttl, found.ttl);
      if (found.instances.length > 0) return { ...found, ttl };
      // That DNS cannot say where they are does not call in the instances that stand by for them.
      if (found.trouble !== undefined) throw found.trouble;
    }
    return { instances: [], ttl };
  }

  async #findTargets(records: readonly ServiceRecord[], { additional }: DnsAnswer, asking: Asking): Promise<FoundInstances> {
    const addresses = new Map<string, readonly string[]>();
    let ttl = Infinity;
    let trouble: MeshError | undefined;
    const find = async (target: string): Promise<void> => {
      try {
        const found = additionalAddresses(target, this.#ipVersion, additional) ?? (await this.#findTarget(target, asking));
        ttl = shortest([ttl, found.ttl]);
        addresses.set(target, found.addresses);
      } catch (error) {
        trouble ??= MeshError.from(error, 'discovery_failed');
        const before = this.#remembered.get(target);
        if (before !== undefined) addresses.set(target, before);
      }
    };
    // Sorted: servers turn the order round with each answer, and which ones are over the limit must not change with it.
    const targets = [...new Set(records.map((record) => record.target))].sort().slice(0, MAX_TARGETS);
    for (let i = 0; i < targets.length; i += MAX_AT_ONCE) await Promise.all(targets.slice(i, i + MAX_AT_ONCE).map(find));
    this.#remembered = addresses;
    return { instances: records.flatMap(({ target, port }) => addresses.get(target)?.map((host) => ({ host, port })) ?? []), ttl, trouble };
  }

  #findTarget(target: string, asking: Asking): Promise<FoundAddresses> {
    return lookUpAddresses(this.#resolver, target, this.#ipVersion, asking);
  }
}

/**
 * The records of a priority that are in use. Weights are shares of the calls, which the mesh gives by load; but who has weight 0 beside others that
 * have more is to get next to nothing (RFC 2782), and gets nothing: so an instance is drained.
 */
function inUse(records: readonly ServiceRecord[], priority: number): readonly ServiceRecord[] {
  const group = records.filter((record) => record.priority === priority);
  const weighty = group.filter((record) => record.weight > 0);
  return weighty.length > 0 ? weighty : group;
}
