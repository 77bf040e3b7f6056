import { afterEach, describe, expect, test } from '@jest/globals';
import { hostname } from 'node:os';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { ChainedDiscovery } from '../../src/endpoint/chained-discovery.js';
import { LocalDiscovery } from '../../src/endpoint/local-discovery.js';
import { StaticDiscovery } from '../../src/endpoint/static-discovery.js';
import { OwnInstance } from '../../src/endpoint/own-instance.js';
import { TestDiscovery, TestMesh } from '../support/nodes.js';
import { rejection } from '../support/wire.js';

let mesh: TestMesh;
afterEach(() => mesh?.stop());

const others = (host: string | undefined, advertise?: { host?: string; port?: number }): OwnInstance => new OwnInstance('a', { host, port: 7, advertise, local: false });

test('a service that calls its own name reaches its replicas, never itself', async () => {
  mesh = new TestMesh();
  const one = await mesh.started('twin', {}, (node) => node.handle('who', () => 'one'));
  await mesh.started('twin', {}, (node) => node.handle('who', () => 'other'));
  const twin = one.connect('twin');
  for (let i = 0; i < 6; i++) expect(await twin.call('who', {})).toBe('other');
  expect(one.snapshot()).toMatchObject({ sessions: { outbound: 1, inbound: 0 }, connectionsFailed: 0 });
});

test('alone, it is told so, and nothing is dialled', async () => {
  const clock = new FakeClock();
  mesh = new TestMesh({ clock });
  const lonely = await mesh.started('lonely');
  const failed = rejection(lonely.connect('lonely').call('health', {}));
  await clock.advance(2_000);
  expect(await failed).toMatchObject({ reason: 'unknown_service', text: "no other 'lonely' in the test" });
  expect(lonely.snapshot()).toMatchObject({ connectionsSuccessful: 0, connectionsFailed: 0 });
});

test.each([
  ['127.0.0.1', 'localhost', true],
  ['127.0.0.1', '10.255.0.1', false],
  ['10.255.0.1', '10.255.0.1', true],
  ['10.255.0.1', '127.0.0.1', false],
  [undefined, '127.0.0.1', true],
  ['0.0.0.0', hostname(), true],
  ['::', '10.255.0.1', false],
])('listening at %s, %s on its port is itself: %s', (host, other, expected) => {
  expect(others(host).is({ id: 'a', host: other, port: 7 })).toBe(expected);
  expect(others(host).is({ id: 'a', host: other, port: 8 })).toBe(false);
});

test('the advertised address and the own instance id are itself as well', () => {
  const own = others('127.0.0.1', { host: 'public', port: 443 });
  expect(own.is({ id: 'a', host: 'public', port: 443 })).toBe(true);
  expect(own.is({ id: 'a', host: 'elsewhere', port: 1, instanceId: own.node.instanceId as string })).toBe(true);
  expect(own.is({ id: 'a', host: 'elsewhere', port: 1, instanceId: 'x' })).toBe(false);
});

describe('what discovery is told of a node that listens on all interfaces', () => {
  test.each([undefined, '0.0.0.0', '::'])('is the name of the machine, not an address that means somebody else elsewhere (%s)', async (host) => {
    mesh = new TestMesh();
    await mesh.started('a', { host });
    await mesh.started('b', { host, advertise: { host: 'public' } });
    expect(mesh.discovery.nodes.map((node) => node.host)).toEqual([hostname(), 'public']);
  });

  test('is the loopback address where only this machine hears of it', async () => {
    const discovery = Object.assign(new TestDiscovery(), { local: true });
    mesh = new TestMesh({ discovery });
    await mesh.started('a', { host: undefined });
    expect(discovery.nodes.map((node) => node.host)).toEqual(['127.0.0.1']);
  });

  test('who is local: the local registry, also behind a list', () => {
    const local = new LocalDiscovery({ runtimeDir: '/nowhere' });
    expect([local.local, new ChainedDiscovery(new StaticDiscovery([]), local).local, new ChainedDiscovery(new StaticDiscovery([]), new TestDiscovery()).local]).toEqual([true, true, false]);
  });
});
