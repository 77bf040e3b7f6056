import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { additionalAddresses, IP_VERSIONS, lookUpAddresses, type FoundAddresses, type IpVersion } from '../src/address-look-up.js';
import type { DnsRecord } from '../src/dns-message.js';
import { Zone } from './support/zone.js';

const asking = { deadline: 4_500 };
const find = (zone: Zone, ipVersion: IpVersion): Promise<FoundAddresses> => lookUpAddresses(zone, 'a.test', ipVersion, asking);

function dualStack(): Zone {
  const zone = new Zone();
  zone.a('a.test', ['10.0.0.1', '10.0.0.2'], 30);
  zone.aaaa('a.test', ['fd00::1'], 20);
  return zone;
}

describe('addresses of a name', () => {
  test.each<[IpVersion, string[], string[]]>([
    [4, ['10.0.0.1', '10.0.0.2'], ['A a.test']],
    [6, ['fd00::1'], ['AAAA a.test']],
    ['prefer-4', ['10.0.0.1', '10.0.0.2'], ['A a.test']],
    ['prefer-6', ['fd00::1'], ['AAAA a.test']],
    ['both', ['10.0.0.1', '10.0.0.2', 'fd00::1'], ['A a.test', 'AAAA a.test']],
  ])('ipVersion %p takes %j', async (ipVersion, addresses, asked) => {
    const zone = dualStack();
    expect((await find(zone, ipVersion)).addresses).toEqual(addresses);
    expect(zone.asked).toEqual(asked);
  });

  test('a preference takes the other where there is none of its own', async () => {
    const [four, six] = [new Zone(), new Zone()];
    four.a('a.test', ['10.0.0.1']);
    six.aaaa('a.test', ['::1']);
    expect([(await find(six, 'prefer-4')).addresses, (await find(four, 'prefer-6')).addresses]).toEqual([['::1'], ['10.0.0.1']]);
    expect([(await find(six, 4)).addresses, (await find(four, 6)).addresses]).toEqual([[], []]);
  });

  test('but not where asking for its own failed', async () => {
    const zone = dualStack();
    zone.failures.set('A a.test', new MeshError('discovery_failed', 'SERVFAIL'));
    await expect(find(zone, 'prefer-4')).rejects.toMatchObject({ reason: 'discovery_failed' });
  });

  test('the shortest time holds, and what can be nobody is left out', async () => {
    expect((await find(dualStack(), 'both')).ttl).toBe(20);
    const zone = new Zone();
    zone.a('a.test', ['0.0.0.0', '224.0.0.1', '10.0.0.1']);
    expect((await find(zone, 4)).addresses).toEqual(['10.0.0.1']);
  });

  test('what came along is enough only where the preferred family is in it', () => {
    const four: DnsRecord = { type: 'A', name: 'a.test', ttl: 9, address: '10.0.0.1' };
    const six: DnsRecord = { type: 'AAAA', name: 'a.test', ttl: 7, address: 'fd00::1' };
    const other: DnsRecord = { type: 'A', name: 'evil.test', ttl: 1, address: '10.6.6.6' };
    const enough = (records: DnsRecord[]) => IP_VERSIONS.map((ipVersion) => additionalAddresses('a.test', ipVersion, [other, ...records])?.addresses);
    expect(enough([four, six])).toEqual([['10.0.0.1'], ['fd00::1'], ['10.0.0.1'], ['fd00::1'], ['10.0.0.1', 'fd00::1']]);
    expect(enough([four])).toEqual([['10.0.0.1'], undefined, ['10.0.0.1'], undefined, undefined]);
    expect(enough([])).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(additionalAddresses('a.test', 4, [four, six])?.ttl).toBe(9);
  });
});
