import { afterEach, expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@lemur-bookstores/mesh-interface';
import { ServiceDirectory } from '../../src/endpoint/service-directory.js';
import { FakeDialer } from '../support/fake-dialer.js';
import { TestDiscovery, TestMesh } from '../support/nodes.js';

let mesh: TestMesh;
afterEach(() => mesh?.stop());

test.each(['', '../escape', 'a/b', '.hidden', 'x'.repeat(64), 'ü', 'a b', 7, undefined, null])('connect(%j) is refused', (id) => {
  mesh = new TestMesh();
  expect(() => mesh.node('a').connect(id as string)).toThrow(expect.objectContaining({ reason: 'invalid_option' }));
});

test('a service that was disconnected is forgotten; clients from before find their way again', async () => {
  mesh = new TestMesh();
  await mesh.started('server', {}, (node) => node.handle('echo', (input) => input));
  const node = await mesh.started('client');
  const client = node.connect('server');
  expect(await client.call('echo', 1)).toBe(1);
  await Promise.all([node.disconnect('server'), node.disconnect('server')]);
  expect([mesh.discovery.watchers, node.snapshot().sessions.outbound, node.discoveryState.knownServices]).toEqual([0, 0, 0]);
  expect(await client.call('echo', 2)).toBe(2);
  expect(await node.connect('server').call('echo', 3)).toBe(3);
  // The one and only set of that service is the one that stop() ends.
  expect(node.snapshot().sessions.outbound).toBe(1);
  await node.stop();
  expect([mesh.discovery.watchers, node.snapshot().sessions.outbound]).toEqual([0, 0]);
});

test('memory of ten thousand names is given back', async () => {
  const clock = new FakeClock();
  const directory = new ServiceDirectory({ discovery: new TestDiscovery(), dialer: new FakeDialer(clock).asDialer, clock, logger: silentLogger, strategy: 'random', drainMs: 1 });
  const first = directory.of('s0');
  for (let i = 0; i < 10_000; i++) directory.of(`s${i}`);
  const forgotten = await Promise.all(Array.from({ length: 10_000 }, (_, i) => directory.disconnect(`s${i}`, 1)));
  expect(forgotten.every(Boolean)).toBe(true);
  expect(directory.of('s0')).not.toBe(first);
});

test('one that is in use again is kept', async () => {
  const clock = new FakeClock();
  const directory = new ServiceDirectory({ discovery: new TestDiscovery(), dialer: new FakeDialer(clock).asDialer, clock, logger: silentLogger, strategy: 'random', drainMs: 1 });
  const set = directory.of('s');
  const disconnecting = directory.disconnect('s', 1);
  set.wait({ onSession: () => {}, onNoSession: () => {} });
  expect(await disconnecting).toBe(false);
  expect(directory.of('s')).toBe(set);
  await directory.stop(0);
  await clock.advance(0);
});
