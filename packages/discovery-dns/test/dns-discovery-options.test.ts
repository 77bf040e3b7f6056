import { describe, expect, test } from '@jest/globals';
import { MeshError, stderrLogger, systemClock } from '@lemur-bookstores/mesh-interface';
import { resolveDnsDiscoveryOptions, type DnsDiscoveryOptions } from '../src/dns-discovery-options.js';

const services = { orders: 'orders.test' };

function problemsOf(options: unknown): readonly string[] {
  try {
    resolveDnsDiscoveryOptions(options as DnsDiscoveryOptions);
    return [];
  } catch (error) {
    if (!MeshError.is(error) || error.reason !== 'invalid_option') throw error;
    return (error.details as { problems: string[] }).problems.map((problem) => problem.slice(0, problem.indexOf(': ')));
  }
}

describe('options', () => {
  test('defaults', () => {
    expect(resolveDnsDiscoveryOptions({ services })).toEqual({
      services,
      servers: undefined,
      minTtlMs: 1_000,
      maxTtlMs: 60_000,
      timeoutMs: 1_000,
      transport: 'udp',
      emptyAfterMs: 10_000,
      ipVersion: 'prefer-4',
      logger: stderrLogger,
      clock: systemClock,
      resolver: undefined,
    });
    expect(resolveDnsDiscoveryOptions({ services, minTtlMs: 90_000 }).maxTtlMs).toBe(90_000);
  });

  test('servers are read', () => {
    expect(resolveDnsDiscoveryOptions({ services, servers: ['10.0.0.10', '[fd00::a]:8600'] }).servers).toEqual([{ address: '10.0.0.10', port: 53 }, { address: 'fd00::a', port: 8600 }]);
  });

  test('a list that changes afterwards changes nothing', () => {
    const mine: Record<string, string> = { ...services };
    const settings = resolveDnsDiscoveryOptions({ services: mine });
    mine['other'] = 'other.test';
    expect(settings.services).toEqual(services);
  });

  test('all problems at once, each by its path', () => {
    const options = {
      services: { orders: { name: '10.0.0.1', port: 0 }, 'user-service': { name: 'users.test', type: 'a' } },
      servers: ['10.0.0.10', 'localhost'],
      minTtlMs: 99,
      maxTtlMs: Infinity,
      timeoutMs: 5_000,
      transport: 'tls',
      emptyAfterMs: -1,
      ipVersion: 5,
      logger: console.log,
      clock: {},
      resolver: {},
      ttl: 1,
    };
    expect(problemsOf(options)).toEqual([
      'ttl', 'services["orders"].name', 'services["orders"].port', 'services["user-service"].port', 'servers[1]',
      'minTtlMs', 'maxTtlMs', 'timeoutMs', 'transport', 'emptyAfterMs', 'ipVersion', 'logger', 'clock', 'resolver',
    ]);
  });

  test.each([
    [undefined, ['options']],
    [{}, ['services']],
    [{ services: {} }, ['services']],
    [{ services: ['orders.test'] }, ['services']],
    [{ services: 'orders.test' }, ['services']],
    [{ services, servers: [] }, ['servers']],
    [{ services, servers: '10.0.0.10' }, ['servers']],
    [{ services, servers: Array.from({ length: 9 }, () => '10.0.0.10') }, ['servers']],
    [{ services, minTtlMs: 2_000, maxTtlMs: 1_000 }, ['maxTtlMs']],
    [{ services: () => undefined }, []],
  ])('%j: problems at %j', (options, paths) => {
    expect(problemsOf(options)).toEqual(paths);
  });
});
