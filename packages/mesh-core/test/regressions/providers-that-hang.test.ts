import { afterEach, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type DiscoveryProvider } from '@lemur-bookstores/mesh-interface';
import { MeshNode } from '../../src/mesh-node.js';
import { MemoryTransport } from '../../src/transport/memory-transport.js';
import { RecordingLogger } from '../support/nodes.js';
import { PlainChannels } from '../support/plain-channels.js';
import { rejection } from '../support/wire.js';

const never = (): Promise<never> => new Promise(() => {});
const nodes: MeshNode[] = [];
const clocks: FakeClock[] = [];
afterEach(async () => {
  const stopped = Promise.all(nodes.splice(0).map((node) => node.stop()));
  for (const clock of clocks.splice(0)) await clock.advance(60_000);
  await stopped;
});

function rig(provider: Partial<DiscoveryProvider>): { clock: FakeClock; logger: RecordingLogger; node: MeshNode; asked: string[] } {
  const [clock, logger] = [new FakeClock(), new RecordingLogger()];
  const asked: string[] = [];
  const all: DiscoveryProvider = { register: () => Promise.resolve(), deregister: () => Promise.resolve(), discover: () => Promise.resolve([]), close: () => Promise.resolve(), ...provider };
  const discovery: DiscoveryProvider = {
    register: (node) => (asked.push('register'), all.register(node)),
    deregister: (node) => (asked.push('deregister'), all.deregister?.(node) ?? Promise.resolve()),
    discover: (id) => (asked.push('discover'), all.discover(id)),
    close: () => (asked.push('close'), all.close?.() ?? Promise.resolve()),
  };
  const node = new MeshNode({ serviceId: 'a', port: 0, host: '127.0.0.1', channels: new PlainChannels('a'), transport: new MemoryTransport(), discovery, clock, logger });
  nodes.push(node);
  clocks.push(clock);
  return { clock, logger, node, asked };
}

test('one that never registers fails the start after 5 s, and is asked to take it back', async () => {
  const { clock, node, asked } = rig({ register: never });
  const failed = rejection(node.start());
  await clock.advance(4_999);
  expect(node.state).toBe('starting');
  await clock.advance(1);
  expect(await failed).toMatchObject({ reason: 'discovery_failed', text: 'discovery could not make this service findable within 5000 ms' });
  expect([node.state, node.port, asked]).toEqual(['new', undefined, ['register', 'deregister']]);
});

test('one that fails to register fails it as discovery_failed, with its own reason where it has one', async () => {
  expect(await rejection(rig({ register: () => Promise.reject(new Error('etcd')) }).node.start())).toMatchObject({ reason: 'discovery_failed', text: 'etcd' });
  expect(await rejection(rig({ register: () => { throw new Error('at once'); } }).node.start())).toMatchObject({ reason: 'discovery_failed' });
  expect(await rejection(rig({ register: () => Promise.reject(new MeshError('runtime_dir_unsafe', 'x')) }).node.start())).toMatchObject({ reason: 'runtime_dir_unsafe' });
});

test.each([
  ['hang', never, 'within'],
  ['fail', () => Promise.reject(new Error('etcd is down')), 'etcd is down'],
  ['throw', () => { throw new Error('etcd is down'); }, 'etcd is down'],
])('deregister() and close() that %s do not keep a node from stopping, and are said', async (_how, behave, said) => {
  const { clock, logger, node } = rig({ deregister: behave, close: behave });
  await node.start();
  const stopped = node.stop();
  await clock.advance(10_000);
  await stopped;
  expect(node.state).toBe('stopped');
  expect(logger.lines).toEqual([expect.stringContaining(said), expect.stringContaining(said)]);
});
