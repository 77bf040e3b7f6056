import { expect, test } from '@jest/globals';
import { BoundedMap } from '../../src/map/bounded-map.js';

test('what may go makes room first, then the oldest', () => {
  const map = new BoundedMap(2, (key) => ({ key, mayGo: key === 'b' }), ({ mayGo }) => mayGo);
  const a = map.get('a');
  expect(map.get('a')).toBe(a);
  map.get('b');
  map.get('c');
  expect([...map.values()].map(({ key }) => key)).toEqual(['a', 'c']);
  map.get('d');
  expect([...map.values()].map(({ key }) => key)).toEqual(['c', 'd']);
  expect(map.size).toBe(2);
});
