import type { DnsRecord } from './dns-message.js';
import { isInstanceAddress } from './ip-address.js';
import type { Asking, DnsAnswer, Resolver } from './resolver.js';

/**
 * Which addresses are taken: `prefer-4` IPv6 only where a name has no IPv4 address, `prefer-6` the other way round. An instance with one of each would
 * be two instances with `both`.
 */
export type IpVersion = 4 | 6 | 'prefer-4' | 'prefer-6' | 'both';

export const IP_VERSIONS: readonly IpVersion[] = [4, 6, 'prefer-4', 'prefer-6', 'both'];

export interface FoundAddresses {
  readonly addresses: readonly string[];
  /** In s. */
  readonly ttl: number;
}

type Family = 'A' | 'AAAA';

/** The families to ask for: each group only where those before it have nothing. */
const GROUPS: Readonly<Record<IpVersion, readonly (readonly Family[])[]>> = {
  4: [['A']],
  6: [['AAAA']],
  'prefer-4': [['A'], ['AAAA']],
  'prefer-6': [['AAAA'], ['A']],
  both: [['A', 'AAAA']],
};

/** @throws MeshError `discovery_failed` */
export async function lookUpAddresses(resolver: Resolver, name: string, ipVersion: IpVersion, asking: Asking): Promise<FoundAddresses> {
  let ttl = Infinity;
  for (const families of GROUPS[ipVersion]) {
    const answers = await Promise.all(families.map((type) => resolver.resolve({ name, type }, asking)));
    const addresses = answers.flatMap(addressesOf);
    const found = shortest(answers.filter(({ records }) => records.length > 0).map((answer) => answer.ttl));
    // How long the preferred family has nothing does not matter where the other has.
    if (addresses.length > 0) return { addresses, ttl: found };
    ttl = shortest([ttl, ...answers.map((answer) => answer.ttl)]);
  }
  return { addresses: [], ttl };
}

/** What came along with another answer; `undefined` where that may not be all that is wanted. */
export function additionalAddresses(name: string, ipVersion: IpVersion, additional: readonly DnsRecord[]): FoundAddresses | undefined {
  const [families = []] = GROUPS[ipVersion];
  const records = additional.filter((record) => record.name === name && (families as readonly string[]).includes(record.type));
  if (!families.every((family) => records.some(({ type }) => type === family))) return undefined;
  return { addresses: addressesOf({ records }), ttl: shortest(records.map((record) => record.ttl)) };
}

/** The least of them; `Infinity` where there are none. */
export const shortest = (ttls: readonly number[]): number => ttls.reduce((least, ttl) => Math.min(least, ttl), Infinity);

const addressesOf = ({ records }: Pick<DnsAnswer, 'records'>): string[] =>
  records.flatMap((record) => ((record.type === 'A' || record.type === 'AAAA') && isInstanceAddress(record.address) ? [record.address] : []));
