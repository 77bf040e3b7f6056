import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeResponse, encodeQuery } from '../src/dns-message.js';
import { a, aaaa, cname, ns, RESPONSE, soa, srv, TRUNCATED, wireMessage } from './support/messages.js';

const service = '_mesh._tcp.orders.test';

describe('questions', () => {
  test('one question, recursion desired, and the size that may come back', () => {
    const message = encodeQuery(0xbeef, { name: service, type: 'SRV' });
    const expected = 'beef 0100 0001 0000 0000 0001' + '05 5f6d657368 04 5f746370 06 6f7264657273 04 74657374 00 0021 0001' + '00 0029 04d0 00000000 0000';
    expect(message.toString('hex')).toBe(expected.replaceAll(' ', ''));
  });
});

describe('answers', () => {
  test('addresses, aliases and services, and what came along', () => {
    const message = wireMessage({
      question: { name: service, type: 'SRV' },
      answers: [cname(service, 'orders.test', 9), srv('orders.test', 'a.test', 5001, 1, 2, 30)],
      additional: [a('A.test', '10.0.0.1', 5), aaaa('a.test', 'fd000000000000000000000000000002')],
    });
    expect(decodeResponse(message)).toEqual({
      id: 7,
      isResponse: true,
      truncated: false,
      code: 0,
      question: { name: service, type: 'SRV' },
      answers: [
        { type: 'CNAME', name: service, ttl: 9, target: 'orders.test' },
        { type: 'SRV', name: 'orders.test', ttl: 30, priority: 1, weight: 2, port: 5001, target: 'a.test' },
      ],
      additional: [
        { type: 'A', name: 'a.test', ttl: 5, address: '10.0.0.1' },
        { type: 'AAAA', name: 'a.test', ttl: 60, address: 'fd00::2' },
      ],
      negativeTtl: 0,
      isReferral: false,
    });
  });

  test('how long nothing is nothing: the lesser of two', () => {
    expect(decodeResponse(wireMessage({ authority: [soa('test', 100, 30)] }))).toMatchObject({ negativeTtl: 30, isReferral: false });
    expect(decodeResponse(wireMessage({ authority: [ns('test', 'ns.test'), soa('test', 20, 30)] }))).toMatchObject({ negativeTtl: 20, isReferral: false });
    expect(decodeResponse(wireMessage({ authority: [ns('test', 'ns.test')] }))).toMatchObject({ negativeTtl: 0, isReferral: true });
  });

  test('a time to live with the first bit set is none', () => {
    expect(decodeResponse(wireMessage({ answers: [a('a.test', '10.0.0.1', 0x8000_0000)] })).answers).toMatchObject([{ ttl: 0 }]);
  });

  test('other types and classes, and names that are none, are passed over', () => {
    const others = [
      { name: 'a.test', type: 'TXT', data: Buffer.from('hello') },
      { ...a('a.test', '10.0.0.9'), class: 3 },
      a('a b.test', '10.0.0.8'),
      srv('a.test', 'a\nb.test', 80),
      cname('a.test', '10.0.0.7'),
    ];
    expect(decodeResponse(wireMessage({ answers: [...others, a('a.test', '10.0.0.1')] })).answers).toMatchObject([{ address: '10.0.0.1' }]);
  });

  test('what was cut off is not read', () => {
    const message = wireMessage({ flags: RESPONSE | TRUNCATED, answers: [a('a.test', '10.0.0.1')] });
    expect(decodeResponse(message.subarray(0, message.length - 3))).toMatchObject({ truncated: true, answers: [] });
  });

  test('a query, and another operation, is no response', () => {
    for (const flags of [0x0100, 0xa800]) expect(decodeResponse(wireMessage({ flags })).isResponse).toBe(false);
  });

  test('records that are shorter or longer than they say are refused', () => {
    for (const data of [Buffer.alloc(3), Buffer.alloc(5), Buffer.alloc(0)]) {
      expect(() => decodeResponse(wireMessage({ answers: [{ name: 'a.test', type: 'A', data }, a('a.test', '10.0.0.1')] }))).toThrow(RangeError);
    }
  });

  test('more records than there are bytes are refused', () => {
    const message = wireMessage({ answers: [a('a.test', '10.0.0.1')] });
    message.writeUInt16BE(0xffff, 6);
    expect(() => decodeResponse(message)).toThrow(RangeError);
  });

  test('whatever the bytes, it decodes or throws a RangeError', () => {
    const honest = wireMessage({ question: { name: service, type: 'SRV' }, answers: [srv(service, 'a.test', 1), cname('a.test', 'b.test')], authority: [soa('test', 1, 2)], additional: [a('b.test', '10.0.0.1')] });
    const mutated = fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }).map((changes) => {
      const copy = Buffer.from(honest);
      for (const [at, byte] of changes) copy[at] = byte;
      return copy;
    });
    const cut = fc.nat(honest.length).map((length) => honest.subarray(0, length));
    fc.assert(
      fc.property(fc.oneof(mutated, cut, fc.uint8Array({ maxLength: 600 })), (bytes) => {
        try {
          const { answers, additional } = decodeResponse(bytes);
          for (const { name } of [...answers, ...additional]) expect(name).toMatch(/^[a-z0-9_.-]*$/);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
