import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { MemoryTransport, StaticDiscovery } from '@lemur-bookstores/mesh-core';
import { Child } from './support/child.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** An instance of 'payments' that says which one it is. */
async function instance(name: string) {
  const made = await bed.running({ serviceId: 'payments' });
  made.mesh.handle('who', () => name);
  return made;
}

describe('meshes of one process', () => {
  test('call each other, both ways at once', async () => {
    const meshes = await Promise.all(['a', 'b', 'c'].map((serviceId) => bed.running({ serviceId })));
    for (const { mesh } of meshes) mesh.handle('echo', (input, { peer }) => `${mesh.serviceId} to ${peer.serviceId}: ${String(input)}`);
    const answers = await Promise.all(
      meshes.flatMap(({ mesh }) => meshes.filter((other) => other.mesh !== mesh).map(({ mesh: other }) => mesh.connect(other.serviceId).call('echo', 'hello'))),
    );
    expect(answers.sort()).toEqual(['a to b: hello', 'a to c: hello', 'b to a: hello', 'b to c: hello', 'c to a: hello', 'c to b: hello']);
    for (const { mesh } of meshes) {
      const { sessions, connectedServices } = mesh.getStats();
      // One for each direction and peer; a service counts once.
      expect(sessions.activeSessions).toBe(4);
      expect(connectedServices).toEqual(['a', 'b', 'c'].filter((id) => id !== mesh.serviceId));
      expect(await mesh.healthCheck()).toMatchObject({ status: 'healthy', services: 2 });
    }
  });

  test('a service named by connect() is dialled without a call', async () => {
    await instance('one');
    const orders = bed.mesh({ serviceId: 'orders' });
    orders.mesh.connect('payments');
    await orders.mesh.initialize();
    await orders.audit.waitFor('connection.open');
    expect((await orders.mesh.healthCheck()).services).toBe(1);
    expect(orders.mesh.getStats().metrics.messagesSent).toBe(0);
  });

  test('disconnect() closes the sessions of one service, and the next call opens new ones', async () => {
    await instance('one');
    const orders = await bed.running({ serviceId: 'orders' });
    const client = orders.mesh.connect('payments');
    await client.call('who', {});
    await orders.mesh.disconnect('payments');
    expect(orders.mesh.getStats()).toMatchObject({ sessions: { activeSessions: 0 }, connectedServices: [] });
    await orders.mesh.disconnect('payments');
    await orders.mesh.disconnect('nobody');
    expect(await client.call('who', {})).toBe('one');
    expect(orders.audit.having('connection.open')).toHaveLength(2);
  });
});

describe('several instances of one service', () => {
  test.each(['least-loaded', 'round-robin', 'random'] as const)('%s: all of them get calls', async (strategy) => {
    await Promise.all(['one', 'two', 'three'].map(instance));
    const orders = await bed.running({ serviceId: 'orders', loadBalancing: { strategy } });
    const client = orders.mesh.connect('payments');
    await until('all are connected', () => orders.mesh.getStats().sessions.activeSessions === 3);
    const answers = await Promise.all(Array.from({ length: 90 }, () => client.call('who', {})));
    const counts = Object.fromEntries(['one', 'two', 'three'].map((name) => [name, answers.filter((answer) => answer === name).length]));
    if (strategy === 'round-robin') expect(counts).toEqual({ one: 30, two: 30, three: 30 });
    else for (const count of Object.values(counts)) expect(count).toBeGreaterThan(5);
    expect((await orders.mesh.healthCheck()).services).toBe(1);
  });

  test('one that comes later is found, one that leaves is forgotten', async () => {
    const first = await instance('first');
    const orders = await bed.running({ serviceId: 'orders' });
    const client = orders.mesh.connect('payments');
    expect(await client.call('who', {})).toBe('first');
    await instance('second');
    await until('the second is found', async () => (await client.call('who', {})) === 'second');
    await first.mesh.cleanup();
    expect(await Promise.all(Array.from({ length: 10 }, () => client.call('who', {})))).toEqual(Array.from({ length: 10 }, () => 'second'));
  });

  test('a process that is killed is forgotten, and a new one takes its place', async () => {
    const start = (): Child => bed.closing(new Child('besieged-mesh.mjs', { MESH_KEYS_DIR: bed.paths.keysDir, MESH_RUNTIME_DIR: bed.paths.runtimeDir }));
    const first = start();
    await first.next();
    const orders = await bed.running({ serviceId: 'orders' });
    const client = orders.mesh.connect('payments');
    expect(await client.call('pay', 1)).toBe(1);
    await first.close();
    await orders.audit.waitFor('connection.truncated');
    const second = start();
    await second.next();
    await until('the new one answers', () => client.call('pay', 2).then((answer) => answer === 2, () => false));
    await expect(client.call('pay', 3)).resolves.toBe(3);
  }, 15_000);
});

describe('every suite and every implementation', () => {
  const kinds = (['aesgcm', 'chachapoly'] as const).flatMap((suite) => (['node', 'noble'] as const).map((primitives) => ({ suite, primitives })));
  test.each(kinds.flatMap((dialler) => (['node', 'noble'] as const).map((acceptor) => ({ ...dialler, acceptor }))))(
    '$suite, dialled by $primitives, accepted by $acceptor',
    async ({ suite, primitives, acceptor }) => {
      const payments = await bed.running({ serviceId: 'payments', security: { primitives: acceptor } });
      payments.mesh.handle('echo', (input) => input);
      const orders = await bed.running({ serviceId: 'orders', security: { suite, primitives } });
      const client = orders.mesh.connect('payments');
      expect(await client.call('echo', { text: 'Ω' })).toEqual({ text: 'Ω' });
      const large = Buffer.alloc(300_000, 7);
      expect(large.equals((await client.call('echo', large)) as Uint8Array)).toBe(true);
      expect((await payments.audit.waitFor('connection.open')).details.metadata).toMatchObject({ suite });
    },
  );
});

describe('MemoryTransport', () => {
  test('the same mesh without sockets: identities are proven all the same', async () => {
    const transport = new MemoryTransport();
    const payments = await bed.running({ serviceId: 'payments', transport });
    payments.mesh.handle('pay', (_input, { peer }) => `paid by ${peer.serviceId}`);
    const orders = await bed.running({ serviceId: 'orders', transport, discovery: { provider: new StaticDiscovery([{ id: 'payments', host: '127.0.0.1', port: payments.port }]) } });
    expect(await orders.mesh.connect('payments').call('pay', {})).toBe('paid by orders');
    const large = Buffer.alloc(2_000_000, 3);
    payments.mesh.handle('echo', (input) => input);
    expect(large.equals((await orders.mesh.connect('payments').call('echo', large)) as Buffer)).toBe(true);

    const foreign = await bed.running({
      serviceId: 'foreign',
      transport,
      paths: { ...bed.paths, keysDir: `${bed.paths.keysDir}-foreign` },
      discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: payments.port }] },
    });
    await expect(foreign.mesh.connect('payments').call('pay', {})).rejects.toMatchObject({ reason: 'peer_untrusted' });
    await orders.mesh.cleanup();
    await payments.audit.waitFor('connection.close');
  });

  test('two services on one port: port_in_use', async () => {
    const transport = new MemoryTransport();
    await bed.running({ serviceId: 'payments', transport, port: 7 });
    const { mesh } = bed.mesh({ serviceId: 'orders', transport, port: 7 });
    await expect(mesh.initialize()).rejects.toMatchObject({ reason: 'port_in_use' });
  });
});
