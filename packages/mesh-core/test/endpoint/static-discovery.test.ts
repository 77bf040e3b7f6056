import { describe, expect, test } from '@jest/globals';
import { StaticDiscovery } from '../../src/endpoint/static-discovery.js';

const nodes = [
  { id: 'a', host: '10.0.0.1', port: 1 },
  { id: 'b', host: '10.0.0.2', port: 2 },
  { id: 'a', host: '10.0.0.3', port: 3 },
];

describe('static discovery', () => {
  test('finds all instances of a service in the list, and nothing else', async () => {
    const discovery = new StaticDiscovery(nodes);
    expect(await discovery.discover('a')).toEqual([nodes[0], nodes[2]]);
    expect(await discovery.discover('constructor')).toEqual([]);
    expect(discovery.serviceIds).toEqual(['a', 'b']);
  });

  test('takes registrations and never changes', async () => {
    const discovery = new StaticDiscovery(nodes);
    await discovery.register();
    discovery.watch()();
    expect(await discovery.discover('c')).toEqual([]);
  });
});
