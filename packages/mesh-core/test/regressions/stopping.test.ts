import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, type Listener, type ListenOptions, type ServiceNode, type Connection, type Transport } from '@lemur-bookstores/mesh-interface';
import { MemoryTransport } from '../../src/transport/memory-transport.js';
import { TestDiscovery, TestMesh } from '../support/nodes.js';
import { rejection } from '../support/wire.js';

const never = (): Promise<never> => new Promise(() => {});
const opened = (): { promise: Promise<void>; open: () => void } => {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
};

/** Writes down in which order things end. */
class Recorder extends TestDiscovery {
  readonly order: string[] = [];
  closes = 0;

  override async deregister(node: ServiceNode): Promise<void> {
    this.order.push(`deregister ${node.id}`);
    await super.deregister(node);
  }

  async close(): Promise<void> {
    this.closes++;
    this.order.push('close discovery');
  }
}

class RecordingTransport implements Transport {
  readonly #inner = new MemoryTransport();
  readonly #order: string[];

  constructor(order: string[]) {
    this.#order = order;
  }

  dial(node: ServiceNode): Promise<Connection> {
    return this.#inner.dial(node);
  }

  async listen(options: ListenOptions): Promise<Listener> {
    const listener = await this.#inner.listen(options);
    return { ...listener, close: () => (this.#order.push('stop listening'), listener.close()) };
  }
}

let mesh: TestMesh;
let clock: FakeClock | undefined;
afterEach(async () => {
  const stopped = mesh.stop();
  await clock?.advance(60_000);
  clock = undefined;
  await stopped;
});

describe('draining', () => {
  test('a handler in flight can call on, also a service that was not called before', async () => {
    mesh = new TestMesh();
    await mesh.started('pay', {}, (node) => node.handle('pay', () => 'paid'));
    const [begun, goOn] = [opened(), opened()];
    const order = await mesh.started('order', {}, (node) =>
      node.handle('order', async () => {
        begun.open();
        await goOn.promise;
        return node.connect('pay').call('pay', {});
      }),
    );
    const client = await mesh.started('client');
    const call = client.connect('order').call('order', {});
    await begun.promise;
    const stopped = order.stop();
    await new Promise((resolve) => setImmediate(resolve));
    expect(order.state).toBe('draining');
    goOn.open();
    expect(await call).toBe('paid');
    await stopped;
    expect(await rejection(order.connect('pay').call('pay', {}))).toMatchObject({ reason: 'mesh_closed', mayHaveRun: false });
  });

  test('all of it together takes no longer than drainMs, whatever hangs', async () => {
    clock = new FakeClock();
    const discovery = new Recorder();
    mesh = new TestMesh({ clock, limits: { drainMs: 10_000 } });
    await mesh.started('other', {}, (node) => node.handle('never', never));
    const node = await mesh.started('slow', { discovery: Object.assign(discovery, { nodes: mesh.discovery.nodes }) }, (slow) => slow.handle('never', never));
    const client = await mesh.started('client');
    const calls = [rejection(client.connect('slow').call('never', {}, { timeoutMs: 60_000 })), rejection(node.connect('other').call('never', {}, { timeoutMs: 60_000 }))];
    await clock.advance(10);
    discovery.deregister = never;
    let done = false;
    void node.stop().then(() => (done = true));
    await clock.advance(9_999);
    expect(done).toBe(false);
    await clock.advance(2);
    expect(done).toBe(true);
    expect(await Promise.all(calls)).toEqual([expect.objectContaining({ reason: 'connection_lost' }), expect.objectContaining({ reason: 'connection_lost' })]);
  });

  test('it is taken out of discovery first, then it stops listening, then it drains', async () => {
    const discovery = new Recorder();
    mesh = new TestMesh({ discovery, transport: new RecordingTransport(discovery.order) });
    const [begun, goOn] = [opened(), opened()];
    const node = await mesh.started('slow', {}, (slow) => slow.handle('wait', () => (begun.open(), goOn.promise.then(() => discovery.order.push('answer')))));
    const client = await mesh.started('client');
    const call = client.connect('slow').call('wait', {});
    await begun.promise;
    const stopped = node.stop();
    await new Promise((resolve) => setImmediate(resolve));
    expect([node.port, discovery.order]).toEqual([undefined, ['deregister slow', 'stop listening']]);
    goOn.open();
    await Promise.all([call, stopped]);
    expect(discovery.order).toEqual(['deregister slow', 'stop listening', 'answer', 'close discovery']);
  });
});

describe('stop()', () => {
  test('called again gives the same promise, and does nothing twice', async () => {
    const discovery = new Recorder();
    mesh = new TestMesh({ discovery });
    const node = await mesh.started('a');
    const first = node.stop();
    expect(node.stop()).toBe(first);
    await first;
    expect(node.stop()).toBe(first);
    expect(discovery.order).toEqual(['deregister a', 'close discovery']);
  });

  test('closes the provider of a node that never ran, or could not start', async () => {
    const discovery = new Recorder();
    mesh = new TestMesh({ discovery });
    await mesh.node('never').stop();
    expect(discovery.closes).toBe(1);
    const failing = mesh.node('failing');
    discovery.register = () => Promise.reject(new Error('etcd'));
    await rejection(failing.start());
    expect(discovery.closes).toBe(1);
    await failing.stop();
    expect([discovery.closes, failing.state]).toEqual([2, 'stopped']);
    expect(await rejection(failing.start())).toMatchObject({ reason: 'mesh_closed' });
  });
});
