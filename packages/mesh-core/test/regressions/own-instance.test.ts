import { afterEach, expect, test } from '@jest/globals';
import { hostname } from 'node:os';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { OwnInstance } from '../../src/endpoint/own-instance.js';
import { TestMesh } from '../support/nodes.js';
import { rejection } from '../support/wire.js';

let mesh: TestMesh;
afterEach(() => mesh?.stop());

const others = (host: string | undefined, advertise?: { host?: string; port?: number }): OwnInstance => new OwnInstance('a', { host, port: 7, advertise });

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
