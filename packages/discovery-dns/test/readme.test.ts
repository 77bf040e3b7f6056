import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { DnsDiscovery } from '../src/dns-discovery.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const made = [...readme.matchAll(/= (new DnsDiscovery\(\{.*?\}\));/gs)].map(([, expression = '']) => expression);

test.each(made)('%s', async (expression) => {
  const make = new Function('DnsDiscovery', `return ${expression}`) as (type: typeof DnsDiscovery) => DnsDiscovery;
  const discovery = make(DnsDiscovery);
  expect(discovery.description).toMatch(/^DNS at /);
  await discovery.close();
});

test('there are five', () => {
  expect(made).toHaveLength(5);
});
