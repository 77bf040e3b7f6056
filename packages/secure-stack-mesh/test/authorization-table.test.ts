import { describe, expect, test } from '@jest/globals';
import type { PeerIdentity } from '@lemur-bookstores/mesh-interface';
import { authorizeByTable, type AuthorizationTable } from '../src/authorization-table.js';

const peer = (id: string): PeerIdentity => {
  const [, trustDomain = '', serviceId = ''] = /^spiffe:\/\/([^/]*)\/(.*)$/.exec(id) ?? [];
  return { id, trustDomain, serviceId, publicKey: 'pin', notAfter: Infinity };
};

/** The ids of `peers` that may call a method. */
function allowed(table: AuthorizationTable, method: string, peers: readonly string[]): string[] {
  const authorize = authorizeByTable(table, () => 'mesh.test');
  return peers.filter((id) => authorize(peer(id), method));
}

const ORDERS = 'spiffe://mesh.test/orders';
const BILLING = 'spiffe://mesh.test/billing';
const ELSEWHERE = 'spiffe://other.test/orders';
const PATH = 'spiffe://mesh.test/ns/shop/sa/orders';
const ALL = [ORDERS, BILLING, ELSEWHERE, PATH];

describe('a table of who may call what', () => {
  const table: AuthorizationTable = { pay: ['orders'], refund: [BILLING, ELSEWHERE], report: [PATH], status: '*', never: [] };

  test('a service id is one of the own trust domain, and nothing that resembles it', () => {
    expect(allowed(table, 'pay', [...ALL, 'spiffe://mesh.test/Orders', 'spiffe://mesh.test/orders2', 'spiffe://mesh.test/x/orders', 'spiffe://mesh.test.evil/orders', 'orders'])).toEqual([ORDERS]);
  });

  test('a SPIFFE id is that one, byte for byte', () => {
    expect(allowed(table, 'refund', ALL)).toEqual([BILLING, ELSEWHERE]);
    expect(allowed(table, 'report', ALL)).toEqual([PATH]);
  });

  test("'*' is for all, an empty list for nobody", () => {
    expect([allowed(table, 'status', ALL), allowed(table, 'never', ALL)]).toEqual([ALL, []]);
  });

  test.each(['unknown', 'Pay', 'pay ', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '*', ''])('%j has no line: nobody', (method) => {
    expect(allowed(table, method, ALL)).toEqual([]);
  });

  test("the line '*' is that of methods without one of their own, and adds nothing to those", () => {
    const withRest: AuthorizationTable = { ...table, '*': ['billing'] };
    for (const method of ['unknown', '__proto__', 'constructor', '*']) expect(allowed(withRest, method, ALL)).toEqual([BILLING]);
    expect([allowed(withRest, 'pay', ALL), allowed(withRest, 'never', ALL)]).toEqual([[ORDERS], []]);
    expect(allowed({ '*': '*' }, 'anything', ALL)).toEqual(ALL);
  });

  test('names that objects inherit are lines and ids like any other', () => {
    const hostile = JSON.parse('{"__proto__":["constructor"],"constructor":["__proto__x"],"toString":"*"}') as AuthorizationTable;
    expect(allowed(hostile, '__proto__', ['spiffe://mesh.test/constructor', ORDERS])).toEqual(['spiffe://mesh.test/constructor']);
    expect([allowed(hostile, 'constructor', ALL), allowed(hostile, 'toString', ALL), allowed(hostile, 'valueOf', ALL)]).toEqual([[], ALL, []]);
  });

  test('what becomes of the table afterwards changes nothing; the own trust domain is asked for late, and once', () => {
    const list = ['orders'];
    const mutable: Record<string, '*' | string[]> = { pay: list };
    let asked = 0;
    const authorize = authorizeByTable(mutable, () => (asked++, 'mesh.test'));
    list.push('billing');
    mutable['refund'] = '*';
    expect(asked).toBe(0);
    expect([authorize(peer(ORDERS), 'pay'), authorize(peer(BILLING), 'pay'), authorize(peer(ORDERS), 'refund'), asked]).toEqual([true, false, false, 1]);
  });
});
