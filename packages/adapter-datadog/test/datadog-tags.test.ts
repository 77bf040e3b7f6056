import { expect, test } from '@jest/globals';
import { tagOf } from '../src/datadog-tags.js';

test.each([
  ['peer', 'payments', 'peer:payments'],
  ['method', 'getUser', 'method:getuser'],
  ['method', '_OTHER', 'method:_other'],
  ['endpoint', '10.1.7.9:50051', 'endpoint:10.1.7.9:50051'],
  ['peer', 'spiffe://mesh.example/orders', 'peer:spiffe://mesh.example/orders'],
  ['peer', 'a,b:c', 'peer:a_b:c'],
  ['peer', 'a b\n"c"', 'peer:a_b__c_'],
  ['peer', 'Größe', 'peer:größe'],
  ['peer', '注文', 'peer:注文'],
  ['peer', 'ends:', 'peer:ends'],
  ['peer', '😀', 'peer:_'],
  ['peer', '\ud83d', 'peer:_'],
])('%s and %j', (key, value, tag) => {
  expect(tagOf(key, value)).toBe(tag);
});

test('200 characters, and no half of one', () => {
  expect(tagOf('p', 'x'.repeat(198))).toHaveLength(200);
  expect(tagOf('p', 'x'.repeat(10_000))).toHaveLength(200);
  // Letters beyond the first plane: two units each.
  const tag = tagOf('p', '𐐨'.repeat(300));
  expect([...tag]).toHaveLength(200);
  expect(tag).toMatch(/^p:(?:𐐨)+$/u);
  expect(tagOf('p', `${'x'.repeat(196)}:::y`)).toBe(`p:${'x'.repeat(196)}`);
});
