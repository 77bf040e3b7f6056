import { describe, expect, test } from '@jest/globals';
import { completeTarget, describeTarget, targetProblems, type DnsTarget } from '../src/dns-target.js';

describe('targets', () => {
  test.each<[DnsTarget, string]>([
    ['_mesh._tcp.Orders.test.', 'SRV _mesh._tcp.orders.test'],
    [{ name: 'orders.test' }, 'SRV orders.test'],
    [{ name: 'orders.test', type: 'srv' }, 'SRV orders.test'],
    [{ name: 'orders.test', port: 50051 }, 'A/AAAA orders.test port 50051'],
    [{ name: 'orders.test', type: 'a', port: 1 }, 'A/AAAA orders.test port 1'],
  ])('%j: %s', (target, text) => {
    expect(targetProblems('t', target)).toEqual([]);
    expect(describeTarget(completeTarget(target))).toBe(text);
  });

  test.each<[unknown, string[]]>([
    ['10.0.0.1', ['t']],
    [7, ['t']],
    [null, ['t']],
    [{}, ['t.name']],
    [{ name: 'a b', port: 0 }, ['t.name', 't.port']],
    [{ name: 'a', type: 'a' }, ['t.port']],
    [{ name: 'a', type: 'srv', port: 1 }, ['t.port']],
    [{ name: 'a', type: 'mx', port: 65_536, host: 'b' }, ['t.host', 't.type', 't.port']],
    [{ name: 'a', port: 1.5 }, ['t.port']],
    [{ name: 'a', port: '80' }, ['t.port']],
  ])('%j has problems at %j', (target, paths) => {
    expect(targetProblems('t', target).map((problem) => problem.slice(0, problem.indexOf(':')))).toEqual(paths);
  });
});
