import { expect, test } from '@jest/globals';
import { logFolder, logNaming } from '../src/service-log-names.js';

test.each([
  ['order-service', 'order-service'],
  ['a.b_c-1', 'a.b_c-1'],
  ['', '%'],
  ['.', '%2E'],
  ['..', '%2E.'],
  ['../../etc', '%2E.%2F..%2Fetc'],
  ['a/b\\c', 'a%2Fb%5Cc'],
  ['two words', 'two%20words'],
  ['1+1', '1%2B1'],
  ['naïve', 'na%C3%AFve'],
  ['nul\0', 'nul%00'],
  ['%2E', '%252E'],
])('%j has the folder %s', (serviceId, folder) => expect(logFolder(serviceId)).toBe(folder));

test('long ids stay apart in folders that file systems can hold', () => {
  const [one, other] = [logFolder(`${'x'.repeat(500)}1`), logFolder(`${'x'.repeat(500)}2`)];
  expect(one).not.toBe(other);
  for (const name of [one, other, logFolder('ä'.repeat(300))]) expect(Buffer.byteLength(`${name}-64`)).toBeLessThan(255);
  expect(logFolder('x'.repeat(200))).toBe('x'.repeat(200));
});

test('each log that begins has an origin of its own, and a log keeps its own', () => {
  const others: string[] = [];
  const naming = logNaming('secure-stack-mesh', 'order service', (origin) => others.push(origin));
  const [one, other] = [naming(undefined), naming(undefined)];
  expect(one).toMatch(/^secure-stack-mesh\/order%20service\/[0-9a-f]{16}$/);
  expect(other).not.toBe(one);
  expect(naming(one)).toBe(one);
  expect(naming('secure-stack-mesh/order/0123456789abcdef')).toBeUndefined();
  expect(others).toEqual(['secure-stack-mesh/order/0123456789abcdef']);
});
