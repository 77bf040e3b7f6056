import { describe, expect, test } from '@jest/globals';
import { formatIpv4, formatIpv6, isInstanceAddress } from '../src/ip-address.js';

describe('addresses', () => {
  test.each([
    ['00000000000000000000000000000001', '::1'],
    ['fd000000000000000000000000000002', 'fd00::2'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['00000000000000000000000000000000', '::'],
  ])('%s is %s', (hex, text) => {
    expect(formatIpv6(Buffer.from(hex, 'hex'))).toBe(text);
  });

  test('IPv4', () => {
    expect(formatIpv4(Buffer.of(10, 0, 255, 1))).toBe('10.0.255.1');
  });

  test.each(['127.0.0.1', '10.1.2.3', '223.255.255.255', '::1', 'fd00::1', 'ff::1', '2001:db8::1'])('%s may be an instance', (address) => {
    expect(isInstanceAddress(address)).toBe(true);
  });

  test.each(['0.0.0.0', '0.1.2.3', '224.0.0.1', '255.255.255.255', '::', 'ff02::1', '::ffff:7f00:1', '::ffff:0:1'])('%s may not', (address) => {
    expect(isInstanceAddress(address)).toBe(false);
  });
});
