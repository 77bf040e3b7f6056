import { expect, test } from '@jest/globals';
import { parseSpiffeId } from '../../src/identity/spiffe-id.js';

// The rules one by one are in bad-certificates.test.ts.
test('its parts', () => {
  expect(parseSpiffeId('spiffe://a.b/c/d')).toEqual({ id: 'spiffe://a.b/c/d', trustDomain: 'a.b', path: '/c/d' });
  expect(parseSpiffeId('spiffe://a.b')).toEqual({ id: 'spiffe://a.b', trustDomain: 'a.b', path: '' });
});

test("the reason is the caller's to give, the text never repeats the id", () => {
  expect(() => parseSpiffeId('spiffe:///c', 'invalid_option')).toThrow(/^invalid_option: not a SPIFFE id: a trust domain/);
  expect(() => parseSpiffeId(`spiffe://${'a'.repeat(256)}/c`)).toThrow(/^certificate_invalid: /);
  expect(() => parseSpiffeId('spiffe://\u001b[31m/x')).toThrow(/^[\x20-\x7e]+$/);
});
