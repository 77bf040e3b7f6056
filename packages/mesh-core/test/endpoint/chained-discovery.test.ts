import { describe, expect, test } from '@jest/globals';
import { MeshError, type DiscoveryProvider } from '@lemur-bookstores/mesh-interface';
import { ChainedDiscovery } from '../../src/endpoint/chained-discovery.js';
import { StaticDiscovery } from '../../src/endpoint/static-discovery.js';
import { TestDiscovery } from '../support/nodes.js';

const listed = { id: 'listed', host: '10.0.0.1', port: 1 };
const other = { id: 'other', host: '10.0.0.2', port: 2 };

describe('chained discovery', () => {
  test('the list decides about what it names, the other provider about the rest', async () => {
    const others = new TestDiscovery();
    others.add(other);
    others.add({ ...listed, port: 99 });
    const chained = new ChainedDiscovery(new StaticDiscovery([listed]), others);
    expect(await chained.discover('listed')).toEqual([listed]);
    expect(await chained.discover('other')).toEqual([other]);
    expect(await chained.discover('nobody')).toEqual([]);
    expect(chained.description).toBe('discovery.services, nor in the test');
  });

  test('the own service is made findable by the other provider', async () => {
    const others = new TestDiscovery();
    const chained = new ChainedDiscovery(new StaticDiscovery([listed]), others);
    const own = { id: 'own', host: '10.0.0.3', port: 3 };
    await chained.register(own);
    expect(others.nodes).toEqual([own]);
    await chained.deregister(own);
    expect(others.nodes).toEqual([]);
  });

  test('changes of the other provider are heard, unless it cannot watch', () => {
    const others = new TestDiscovery();
    const chained = new ChainedDiscovery(new StaticDiscovery([listed]), others);
    const heard: unknown[] = [];
    const stop = chained.watch?.('other', (nodes) => heard.push(nodes));
    chained.watch?.('listed', () => heard.push('never'))();
    others.add(other);
    stop?.();
    others.add(other);
    expect(heard).toEqual([[other]]);
    expect(new ChainedDiscovery(new StaticDiscovery([]), { register: () => Promise.resolve(), discover: () => Promise.resolve([]) }).watch).toBeUndefined();
  });

  test('that the other provider cannot look is heard', () => {
    const heard: unknown[] = [];
    const failure = new MeshError('discovery_failed', 'SERVFAIL');
    const others: DiscoveryProvider = {
      register: () => Promise.resolve(),
      discover: () => Promise.resolve([]),
      watch: (_id, _listener, onLookUp) => (onLookUp?.(failure), () => {}),
    };
    new ChainedDiscovery(new StaticDiscovery([listed]), others).watch?.('other', () => {}, (error) => heard.push(error));
    expect(heard).toEqual([failure]);
  });

  test('optional members of the other provider are optional', async () => {
    let closed = 0;
    const bare = new ChainedDiscovery(new StaticDiscovery([]), { register: () => Promise.resolve(), discover: () => Promise.resolve([]) });
    await bare.deregister(other);
    await bare.close();
    const closing = new ChainedDiscovery(new StaticDiscovery([]), { register: () => Promise.resolve(), discover: () => Promise.resolve([]), close: async () => void closed++ });
    await closing.close();
    expect([closed, bare.description]).toEqual([1, 'discovery.services, nor in the discovery provider']);
  });
});
