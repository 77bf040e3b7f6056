import { describe, expect, test } from '@jest/globals';
import { canonicalName, isDnsName } from '../src/dns-name.js';

describe('names', () => {
  test.each(['orders', 'orders.prod.svc.cluster.local', '_mesh._tcp.orders.prod.svc.cluster.local', 'Order-Service.service.consul.', '10-0-0-1.default.pod', 'a'.repeat(63)])('%j may be asked for', (name) => {
    expect(isDnsName(name)).toBe(true);
  });

  test.each(['', '.', '..', 'a..b', '.a', '-a.b', 'a-.b', 'a b', 'a/b', 'ä.test', 'a\u0000b', 'a'.repeat(64), `${'a.'.repeat(127)}a.b`, '10.0.0.1', '1', 'fd00::1', 7, null, undefined])('%j may not', (name) => {
    expect(isDnsName(name)).toBe(false);
  });

  test('the longest has 253 characters, and a dot at the end does not count', () => {
    const longest = ['a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(61)].join('.');
    expect([longest.length, isDnsName(longest), isDnsName(`${longest}.`), isDnsName(`${longest}d`)]).toEqual([253, true, true, false]);
  });

  test('case and the dot at the end make no difference', () => {
    expect(canonicalName('Orders.Prod.')).toBe('orders.prod');
  });
});
