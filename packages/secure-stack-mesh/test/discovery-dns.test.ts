import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { DnsDiscovery, type DnsTarget } from '@lemur-bookstores/discovery-dns';
import { MeshError, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { Dnsmasq } from '../../discovery-dns/test/support/dnsmasq.js';
import { TestAuthority } from './support/authority.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const authority = new TestAuthority(bed.folder);
const SERVICE = '_mesh._tcp.payments.mesh.test';

interface Instance {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly mesh: TestMesh['mesh'];
}

/** An instance of 'payments' at an address of its own, which says which one it is. */
async function instance(name: string, host: string, { serviceId = 'payments', port = 0 } = {}): Promise<Instance> {
  const made = bed.mesh({ serviceId, host, port, identity: await authority.files(serviceId) });
  made.mesh.handle('who', () => name);
  await made.mesh.initialize();
  return { name, host, port: made.mesh.port as number, mesh: made.mesh };
}

const records = (...instances: readonly Instance[]): string[] => [
  '--local-ttl=1',
  ...instances.flatMap(({ name, host, port }) => [`--srv-host=${SERVICE},${name}.mesh.test,${port},0,1`, `--host-record=${name}.mesh.test,${host}`]),
];

async function caller(dns: Dnsmasq, services: readonly ServiceNode[] = [], target: DnsTarget = SERVICE): Promise<TestMesh> {
  const provider = new DnsDiscovery({ services: { payments: target }, servers: [dns.address] });
  const made = bed.mesh({ serviceId: 'orders', identity: await authority.files('orders'), discovery: { provider, services }, loadBalancing: { strategy: 'round-robin', slowStartMs: 0 } });
  made.mesh.connect('payments');
  await made.mesh.initialize();
  return made;
}

/** Who answers `count` calls; not one may fail. */
async function whoAnswers({ mesh }: TestMesh, count: number): Promise<string> {
  const client = mesh.connect('payments');
  const names = await Promise.all(Array.from({ length: count }, () => client.call('who', {})));
  return [...new Set(names)].sort().join();
}

const connectedTo = ({ mesh }: TestMesh, count: number) => until(`${count} sessions`, () => mesh.getStats().sessions.activeSessions === count, 20_000);
const discoveryStatus = async ({ mesh }: TestMesh): Promise<string | undefined> => {
  await mesh.health.runChecks();
  return (await mesh.healthCheck()).details.checks['discovery']?.status;
};

/** How others publish the instances of a service. */
interface Layout {
  readonly name: string;
  /** All instances on one port. */
  readonly onePort: boolean;
  target(port: number): DnsTarget;
  records(instances: readonly Instance[]): string[];
}

const CONSUL = 'payments.service.consul';
const HEADLESS = 'payments.prod.svc.cluster.local';
const LAYOUTS: readonly Layout[] = [
  {
    name: "SRV without underscores and with a TTL of 0, as Consul's",
    onePort: false,
    target: () => CONSUL,
    records: (instances) => instances.flatMap(({ name, host, port }) => [`--srv-host=${CONSUL},${name}.node.dc1.consul,${port},1,1`, `--host-record=${name}.node.dc1.consul,${host}`]),
  },
  {
    name: "SRV by the port's name, as Kubernetes'",
    onePort: false,
    target: () => `_mesh._tcp.${HEADLESS}`,
    records: (instances) => ['--local-ttl=1', ...instances.flatMap(({ name, host, port }) => [`--srv-host=_mesh._tcp.${HEADLESS},${name}.${HEADLESS},${port},0,1`, `--host-record=${name}.${HEADLESS},${host}`])],
  },
  {
    name: "A with a fixed port, as Kubernetes' headless services",
    onePort: true,
    target: (port) => ({ name: HEADLESS, port }),
    records: (instances) => ['--local-ttl=1', ...instances.map(({ host }) => `--host-record=${HEADLESS},${host}`)],
  },
];

/** Instances a, b, … at 127.0.0.1, 127.0.0.2, … */
async function instances(count: number, onePort: boolean): Promise<Instance[]> {
  for (let attempt = 1; ; attempt++) {
    const made: Instance[] = [];
    try {
      for (let i = 0; i < count; i++) made.push(await instance('abcdef'.charAt(i), `127.0.0.${i + 1}`, { port: onePort ? (made[0]?.port ?? 0) : 0 }));
      return made;
    } catch (error) {
      // Somebody else has that port at one of these addresses.
      if (attempt >= 5 || MeshError.from(error).reason !== 'port_in_use') throw error;
      await Promise.all(made.map(({ mesh }) => mesh.close()));
    }
  }
}

/** Calls all the time. Ends with the number of those that succeeded; fails with the first that did not. */
function steadyCalls({ mesh }: TestMesh): () => Promise<number> {
  const client = mesh.connect('payments');
  let going = true;
  const calls = (async () => {
    for (let done = 0; ; done++) {
      if (!going) return done;
      await client.call('who', {}, { retry: false });
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  calls.catch(() => {});
  return () => {
    going = false;
    return calls;
  };
}

describe.each(LAYOUTS)('$name', (layout) => {
  test('a DNS server that goes away degrades health and no call; back with one instance more and one fewer, they are seen', async () => {
    const all = await instances(4, layout.onePort);
    const [a, b, c, d] = all as [Instance, Instance, Instance, Instance];
    const dns = bed.closing(await Dnsmasq.start(layout.records([a, b, c])));
    const orders = await caller(dns, [], layout.target(a.port));
    await connectedTo(orders, 3);
    expect([await whoAnswers(orders, 12), await discoveryStatus(orders)]).toEqual(['a,b,c', 'healthy']);
    const stop = steadyCalls(orders);

    await dns.stop();
    await until('discovery is degraded', async () => (await discoveryStatus(orders)) === 'degraded', 20_000);
    const { status, details } = await orders.mesh.healthCheck();
    expect([status, details.checks['discovery']?.error]).toEqual(['healthy', expect.stringContaining(dns.address)]);
    expect(await whoAnswers(orders, 12)).toBe('a,b,c');

    await dns.start(layout.records([b, c, d]));
    await until('d comes and a goes', async () => (await whoAnswers(orders, 12)) === 'b,c,d', 10_000);
    await until('discovery is healthy', async () => (await discoveryStatus(orders)) === 'healthy', 10_000);
    await a.mesh.close();
    expect(await whoAnswers(orders, 12)).toBe('b,c,d');
    expect(await stop()).toBeGreaterThan(0);
    expect(orders.log.filter((line) => line.includes('discovery of payments failed'))).toHaveLength(1);
  }, 40_000);
});

describe('a service found by DNS', () => {
  test('three instances, one that comes and one that goes, and no call lost while the DNS server is down', async () => {
    const [a, b, c] = [await instance('a', '127.0.0.1'), await instance('b', '127.0.0.2'), await instance('c', '127.0.0.3')];
    const dns = bed.closing(await Dnsmasq.start(records(a, b)));
    const orders = await caller(dns);
    await connectedTo(orders, 2);
    expect([await whoAnswers(orders, 8), await discoveryStatus(orders)]).toEqual(['a,b', 'healthy']);

    await dns.restart(records(a, b, c));
    await connectedTo(orders, 3);
    expect(await whoAnswers(orders, 12)).toBe('a,b,c');

    await dns.stop();
    await until('discovery is degraded', async () => (await discoveryStatus(orders)) === 'degraded', 20_000);
    expect((await orders.mesh.healthCheck()).status).toBe('healthy');
    for (let i = 0; i < 50; i++) expect(await whoAnswers(orders, 12)).toBe('a,b,c');
    // An instance that restarts is dialled where it was.
    await b.mesh.close();
    expect(await whoAnswers(orders, 12)).toBe('a,c');
    await instance('b', b.host, { port: b.port });
    await connectedTo(orders, 3);
    expect(await whoAnswers(orders, 12)).toBe('a,b,c');
    expect(orders.log.filter((line) => line.includes('discovery of payments failed'))).toHaveLength(1);

    await dns.start(records(b, c));
    await until('a is let go', async () => (await whoAnswers(orders, 12)) === 'b,c', 20_000);
    await until('discovery is healthy', async () => (await discoveryStatus(orders)) === 'healthy', 20_000);
  });

  test('DNS says where, never whom to trust: who is there has to be the service', async () => {
    const impostor = await instance('a', '127.0.0.1', { serviceId: 'reports' });
    const dns = bed.closing(await Dnsmasq.start(records(impostor)));
    const orders = await caller(dns);
    await expect(orders.mesh.connect('payments').call('who', {})).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: 'peer_mismatch' });
  });

  test('what the list names is not asked for', async () => {
    const [listed, other] = [await instance('a', '127.0.0.1'), await instance('b', '127.0.0.2')];
    const dns = bed.closing(await Dnsmasq.start(records(other)));
    const orders = await caller(dns, [{ id: 'payments', host: listed.host, port: listed.port }]);
    await connectedTo(orders, 1);
    expect([await whoAnswers(orders, 4), dns.queries('SRV', SERVICE)]).toEqual(['a', 0]);
  });

  test('a DNS server that is down at the start: calls say so, and work once it is there', async () => {
    const payments = await instance('a', '127.0.0.1');
    const dns = bed.closing(await Dnsmasq.start([]));
    await dns.stop();
    const orders = await caller(dns);
    const failed = orders.mesh.connect('payments').call('who', {});
    await expect(failed).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'discovery_failed', message: expect.stringContaining(`${dns.address} is not reachable`) });
    await dns.start(records(payments));
    await connectedTo(orders, 1);
    expect(await whoAnswers(orders, 4)).toBe('a');
  });
});
