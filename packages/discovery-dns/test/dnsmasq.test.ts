import { afterEach, describe, expect, test } from '@jest/globals';
import { MeshError, systemClock, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { DnsClient } from '../src/dns-client.js';
import { parseServer } from '../src/dns-server.js';
import { DnsDiscovery } from '../src/dns-discovery.js';
import type { DnsDiscoveryOptions } from '../src/dns-discovery-options.js';
import { Dnsmasq } from './support/dnsmasq.js';
import { Lines } from './support/lines.js';

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const closable of closing.splice(0).reverse()) await closable.close();
});

const SERVICE = '_mesh._tcp.orders.mesh.test';
const HOST = 'orders.mesh.test';

async function dnsmasq(records: readonly string[]): Promise<Dnsmasq> {
  const server = await Dnsmasq.start(records);
  closing.push(server);
  return server;
}

function discoveryAt(server: Dnsmasq, options: Partial<DnsDiscoveryOptions> = {}): DnsDiscovery {
  const services = { orders: SERVICE, hosts: { name: HOST, port: 50051 } };
  const made = new DnsDiscovery({ services, servers: [server.address], logger: new Lines(), emptyAfterMs: 1_500, ...options });
  closing.push(made);
  return made;
}

/** Records of instances, each `[host, address, port, priority?, weight?]`. */
const instances = (...all: (readonly [string, string, number, number?, number?])[]): string[] =>
  all.flatMap(([host, address, port, priority = 0, weight = 1]) => [`--srv-host=${SERVICE},${host}.mesh.test,${port},${priority},${weight}`, `--host-record=${host}.mesh.test,${address}`]);

const addresses = (nodes: readonly ServiceNode[]): string => nodes.map(({ host, port }) => `${host}:${port}`).join(' ');

/** What a watch tells, to be waited for. */
class Watch {
  readonly heard: string[] = [];
  error: MeshError | undefined;
  readonly stop: () => void;
  #wake: () => void = () => {};

  constructor(discovery: DnsDiscovery, serviceId: string) {
    this.stop = discovery.watch(
      serviceId,
      (nodes) => {
        this.heard.push(addresses(nodes));
        this.#wake();
      },
      (error) => {
        this.error = error;
        this.#wake();
      },
    );
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  tells(set: string): Promise<void> {
    return this.until(() => this.heard.at(-1) === set);
  }
}

describe('a real dnsmasq', () => {
  test('SRV with priorities, and IPv6', async () => {
    const spare = ['spare', '127.0.0.9', 9, 20] as const;
    const server = await dnsmasq([...instances(['a', '127.0.0.1', 1, 10], ['b', '127.0.0.2,::1', 2, 10], ['c', '::1', 3, 10], ['drained', '127.0.0.8', 8, 10, 0], spare), `--srv-host=${SERVICE},gone.mesh.test,7,1,1`]);
    expect(addresses(await discoveryAt(server).discover('orders'))).toBe('127.0.0.1:1 127.0.0.2:2 ::1:3');
    expect(addresses(await discoveryAt(server, { ipVersion: 6 }).discover('orders'))).toBe('::1:2 ::1:3');
    expect(addresses(await discoveryAt(server, { ipVersion: 'both' }).discover('orders'))).toBe('127.0.0.1:1 127.0.0.2:2 ::1:2 ::1:3');
    await server.restart(instances(spare));
    expect(addresses(await discoveryAt(server).discover('orders'))).toBe('127.0.0.9:9');
  });

  test('A and AAAA, aliases, and what is not there', async () => {
    const server = await dnsmasq([`--host-record=${HOST},127.0.0.1,::1`, `--host-record=${HOST},127.0.0.2`, `--cname=alias.mesh.test,${HOST}`]);
    const services = { hosts: { name: HOST, port: 1 }, alias: { name: 'alias.mesh.test', port: 2 }, none: 'none.mesh.test', other: { name: HOST, type: 'srv' as const }, foreign: 'orders.elsewhere.test' };
    const discovery = discoveryAt(server, { services });
    expect(addresses(await discovery.discover('hosts'))).toBe('127.0.0.1:1 127.0.0.2:1');
    expect(addresses(await discovery.discover('alias'))).toBe('127.0.0.1:2 127.0.0.2:2');
    expect([await discovery.discover('none'), await discovery.discover('other')]).toEqual([[], []]);
    const refused = `cannot look up SRV orders.elsewhere.test: ${server.address} answered REFUSED`;
    await expect(discovery.discover('foreign')).rejects.toMatchObject({ reason: 'discovery_failed', text: refused });
  });

  test('the time to live of SRV records is seen, and an answer of 400 records comes over TCP', async () => {
    const many = Array.from({ length: 200 }, (_, i) => ['n' + i, `127.0.1.${i}`, 1_000 + i] as const);
    const server = await dnsmasq(['--local-ttl=7', ...instances(...many)]);
    const client = new DnsClient({ servers: [parseServer(server.address) as never], timeoutMs: 2_000, clock: systemClock });
    const { records, ttl } = await client.resolve({ name: SERVICE, type: 'SRV' }, { deadline: systemClock.monotonic() + 4_500 });
    expect([records.length, ttl]).toEqual([200, 7]);
    client.close();
    for (const transport of ['udp', 'tcp'] as const) expect(await discoveryAt(server, { transport }).discover('orders')).toHaveLength(200);
  });

  test('a time to live of 1 s is honoured: asked once a second for all watchers', async () => {
    const server = await dnsmasq(['--local-ttl=1', ...instances(['a', '127.0.0.1', 1])]);
    const discovery = discoveryAt(server);
    const watches = [1, 2, 3].map(() => new Watch(discovery, 'orders'));
    await server.queried(1, 'SRV', SERVICE);
    const startedAt = performance.now();
    await server.queried(4, 'SRV', SERVICE);
    const seconds = (performance.now() - startedAt) / 1_000;
    // No sooner than three times 1 s; no later than a tenth more, but for a machine that is busy.
    expect(seconds).toBeGreaterThan(2.9);
    expect(seconds).toBeLessThan(6);
    expect(watches.map(({ heard }) => heard)).toEqual([['127.0.0.1:1'], ['127.0.0.1:1'], ['127.0.0.1:1']]);
    for (const { stop } of watches) stop();
  });

  test('a long time to live is honoured as well: within it nothing is asked', async () => {
    const server = await dnsmasq(['--local-ttl=3600', ...instances(['a', '127.0.0.1', 1])]);
    const discovery = discoveryAt(server);
    await new Watch(discovery, 'orders').tells('127.0.0.1:1');
    const asked = server.queries('SRV', SERVICE);
    for (let i = 0; i < 20; i++) await discovery.discover('orders');
    expect([asked, server.queries('SRV', SERVICE)]).toEqual([1, 1]);
  });

  test('instances that come and go are seen within the time to live', async () => {
    const [a, b, c] = [['a', '127.0.0.1', 1], ['b', '127.0.0.2', 2], ['c', '127.0.0.3', 3]] as const;
    const server = await dnsmasq(['--local-ttl=1', ...instances(a, b)]);
    const watch = new Watch(discoveryAt(server), 'orders');
    await watch.tells('127.0.0.1:1 127.0.0.2:2');
    await server.restart(['--local-ttl=1', ...instances(a, b, c)]);
    await watch.tells('127.0.0.1:1 127.0.0.2:2 127.0.0.3:3');
    await server.restart(['--local-ttl=1', ...instances(b, c)]);
    await watch.tells('127.0.0.2:2 127.0.0.3:3');
    expect(watch.heard).toHaveLength(3);
  });

  test('killed: peers stay, and it is told; back again: it goes on', async () => {
    const [a, b] = [['a', '127.0.0.1', 1], ['b', '127.0.0.2', 2]] as const;
    const server = await dnsmasq(['--local-ttl=1', ...instances(a)]);
    const discovery = discoveryAt(server);
    const watch = new Watch(discovery, 'orders');
    await watch.tells('127.0.0.1:1');
    await server.stop();
    await watch.until(() => watch.error !== undefined);
    expect(watch.error).toMatchObject({ reason: 'discovery_failed', text: `cannot look up SRV ${SERVICE}: ${server.address} is not reachable (ECONNREFUSED)` });
    expect([watch.heard, addresses(await discovery.discover('orders'))]).toEqual([['127.0.0.1:1'], '127.0.0.1:1']);
    await expect(discovery.discover('hosts')).rejects.toMatchObject({ reason: 'discovery_failed' });
    await server.start(['--local-ttl=1', ...instances(b)]);
    await watch.tells('127.0.0.2:2');
    await watch.until(() => watch.error === undefined);
    expect(watch.heard).toEqual(['127.0.0.1:1', '127.0.0.2:2']);
  });

  test('the last instance gone from DNS is gone once that holds', async () => {
    const server = await dnsmasq(['--local-ttl=1', ...instances(['a', '127.0.0.1', 1])]);
    const watch = new Watch(discoveryAt(server), 'orders');
    await watch.tells('127.0.0.1:1');
    await server.restart([]);
    const startedAt = performance.now();
    await watch.tells('');
    expect(performance.now() - startedAt).toBeGreaterThan(1_400);
    expect(watch.heard).toEqual(['127.0.0.1:1', '']);
  });
});
