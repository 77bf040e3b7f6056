import { describe, expect, test } from '@jest/globals';
import { formatServer, parseServer } from '../src/dns-server.js';

describe('servers', () => {
  test.each([
    ['10.0.0.10', '10.0.0.10', 53],
    ['10.0.0.10:8600', '10.0.0.10', 8600],
    ['fd00::a', 'fd00::a', 53],
    ['[fd00::a]', 'fd00::a', 53],
    ['[::1]:8600', '::1', 8600],
  ])('%s', (text, address, port) => {
    expect(parseServer(text)).toEqual({ address, port });
  });

  test.each(['', 'localhost', 'localhost:53', '10.0.0.10:0', '10.0.0.10:65536', '10.0.0.10:', '10.0.0', '[10.0.0.1]:53', '[::1', '10.0.0.10:53x', 53, undefined, null])('%p is none', (text) => {
    expect(parseServer(text)).toBeUndefined();
  });

  test('is written the way it is read', () => {
    for (const text of ['10.0.0.10:53', '[fd00::a]:8600']) expect(formatServer(parseServer(text) as never)).toBe(text);
  });
});
