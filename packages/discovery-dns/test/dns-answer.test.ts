import { describe, expect, test } from '@jest/globals';
import { readAnswer } from '../src/dns-answer.js';
import { decodeResponse } from '../src/dns-message.js';
import type { DnsAnswer } from '../src/resolver.js';
import { a, cname, ns, RESPONSE, soa, wireMessage, type TestMessage } from './support/messages.js';

const question = { name: 'a.test', type: 'A' } as const;
const read = (message: TestMessage): DnsAnswer => readAnswer(question, decodeResponse(wireMessage(message)));
const addresses = (answer: DnsAnswer): string[] => answer.records.map((record) => (record.type === 'A' ? record.address : record.type));

describe('answers', () => {
  test('hold as long as the shortest of all that they rest on', () => {
    const answer = read({ answers: [a('b.test', '10.0.0.1', 30), cname('a.test', 'b.test', 20), a('b.test', '10.0.0.2', 40)] });
    expect([addresses(answer), answer.ttl]).toEqual([['10.0.0.1', '10.0.0.2'], 20]);
    expect(read({ answers: [a('a.test', '10.0.0.1', 30), a('a.test', '10.0.0.2', 5)] }).ttl).toBe(5);
  });

  test('records of another name are of no interest, whoever sent them', () => {
    expect(addresses(read({ answers: [a('evil.test', '10.6.6.6'), a('a.test', '10.0.0.1'), cname('evil.test', 'a.test')] }))).toEqual(['10.0.0.1']);
  });

  test('nothing, by either name of it, holds as long as the zone says', () => {
    for (const flags of [RESPONSE, RESPONSE | 3]) expect(read({ flags, authority: [soa('test', 30, 10)] })).toMatchObject({ records: [], ttl: 10 });
    expect(read({ flags: RESPONSE | 3, answers: [cname('a.test', 'gone.test', 5)], authority: [soa('test', 30, 10)] })).toMatchObject({ records: [], ttl: 5 });
    expect(read({})).toMatchObject({ records: [], ttl: 0 });
  });

  test('eight aliases are followed, a ninth and a ring are not', () => {
    const chain = (length: number) => Array.from({ length }, (_, i) => cname(i === 0 ? 'a.test' : `n${i}.test`, `n${i + 1}.test`));
    expect(addresses(read({ answers: [...chain(8), a('n8.test', '10.0.0.8')] }))).toEqual(['10.0.0.8']);
    expect(() => read({ answers: [...chain(9), a('n9.test', '10.0.0.9')] })).toThrow('aliases');
    expect(() => read({ answers: [cname('a.test', 'b.test'), cname('b.test', 'a.test')] })).toThrow('ring');
  });

  test.each([
    [1, 'FORMERR'],
    [2, 'SERVFAIL'],
    [4, 'NOTIMP'],
    [5, 'REFUSED'],
    [9, 'code 9'],
  ])('code %i says nothing about the name: %s', (code, text) => {
    expect(() => read({ flags: RESPONSE | code, answers: [a('a.test', '10.0.0.1')] })).toThrow(text);
  });

  test('a server that refers to others is no resolver', () => {
    expect(() => read({ authority: [ns('test', 'ns.test')] })).toThrow('refers to other servers');
  });
});
