import { expect, test } from '@jest/globals';
import { FakeClock, type DiscoveryProvider, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { ChainedDiscovery } from '../../src/endpoint/chained-discovery.js';
import { EndpointSet } from '../../src/endpoint/endpoint-set.js';
import { StaticDiscovery } from '../../src/endpoint/static-discovery.js';
import { RecordingLogger } from '../support/nodes.js';

const evil = 'spiffe://mesh.test/evil';

/** What the dialer is asked for, where a provider says this of `payment`. */
async function dialled(discovery: DiscoveryProvider): Promise<{ nodes: ServiceNode[]; pins: (readonly string[] | undefined)[]; warnings: string[] }> {
  const [clock, logger] = [new FakeClock(), new RecordingLogger()];
  const nodes: ServiceNode[] = [];
  const pins: (readonly string[] | undefined)[] = [];
  const dialer = { dial: (node: ServiceNode, asked: readonly string[] | undefined) => (nodes.push(node), pins.push(asked), new Promise(() => {})) };
  const set = new EndpointSet('payment', { discovery, dialer: dialer as never, clock, logger, strategy: 'random', drainMs: 1 });
  set.start();
  await clock.advance(2_500);
  await set.close(0);
  return { nodes, pins, warnings: logger.lines };
}

const provider = (...nodes: ServiceNode[]): DiscoveryProvider => ({ register: () => Promise.resolve(), discover: () => Promise.resolve(nodes) });

test('a provider cannot put another service in the place of the one that was asked for', async () => {
  const { nodes } = await dialled(provider({ id: 'evil', host: 'h', port: 1 }, { id: 'payment', host: 'h', port: 2 }));
  expect(nodes).toEqual([{ id: 'payment', host: 'h', port: 2 }]);
});

test('nor with a watch', async () => {
  const watching: DiscoveryProvider = {
    ...provider(),
    discover: () => new Promise(() => {}),
    watch: (_id, listener) => {
      listener([{ id: 'evil', host: 'h', port: 1 }, { id: 'payment', host: 'h', port: 2, spiffeId: evil }]);
      return () => {};
    },
  };
  expect((await dialled(watching)).nodes).toEqual([{ id: 'payment', host: 'h', port: 2 }]);
});

test('nor say which SPIFFE id or key to expect; it is said once that this is ignored', async () => {
  const { nodes, pins, warnings } = await dialled(provider({ id: 'payment', host: 'h', port: 1, instanceId: 'i', tls: true, path: '/p', spiffeId: evil, publicKey: 'A'.repeat(43) }));
  expect(nodes).toEqual([{ id: 'payment', host: 'h', port: 1, instanceId: 'i', tls: true, path: '/p' }]);
  expect(pins).toEqual([undefined]);
  expect(warnings).toEqual([expect.stringContaining('discovery says whom to trust as payment: ignored')]);
});

test('nor by an id that reads differently the second time', async () => {
  let reads = 0;
  const node = { get id() { return reads++ === 0 ? 'payment' : 'evil'; }, host: 'h', port: 1 };
  expect((await dialled(provider(node))).nodes[0]?.id).toBe('payment');
});

test("the operator's own list counts, alone and before another provider", async () => {
  const listed = { id: 'payment', host: 'h', port: 1, spiffeId: 'spiffe://other.test/pay', publicKey: ['B'.repeat(43)] };
  for (const discovery of [new StaticDiscovery([listed]), new ChainedDiscovery(new StaticDiscovery([listed]), provider({ id: 'payment', host: 'h', port: 2 }))]) {
    expect(await dialled(discovery)).toEqual({ nodes: [listed], pins: [['B'.repeat(43)]], warnings: [] });
  }
});

test('and cannot be changed once it is given', async () => {
  const listed = { id: 'payment', host: 'h', port: 1, publicKey: ['B'.repeat(43)] };
  const discovery = new StaticDiscovery([listed]);
  listed.publicKey[0] = 'C'.repeat(43);
  Object.assign(listed, { spiffeId: evil });
  expect(await dialled(discovery)).toMatchObject({ nodes: [{ id: 'payment', host: 'h', port: 1, publicKey: ['B'.repeat(43)] }], pins: [['B'.repeat(43)]] });
});
