import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { DnsDiscovery } from '../src/dns-discovery.js';
import type { DnsDiscoveryOptions } from '../src/dns-discovery-options.js';
import { Lines } from './support/lines.js';
import { Zone } from './support/zone.js';

interface Rig {
  readonly clock: FakeClock;
  readonly zone: Zone;
  readonly lines: Lines;
  readonly discovery: DnsDiscovery;
}

const open: Rig[] = [];
afterEach(async () => {
  for (const { clock, discovery } of open.splice(0)) {
    await discovery.close();
    expect(clock.pendingTimers).toBe(0);
  }
});

function rig(options: Partial<DnsDiscoveryOptions> = {}): Rig {
  const [clock, zone, lines] = [new FakeClock(), new Zone(), new Lines()];
  const services = { orders: '_mesh._tcp.orders.test', users: { name: 'users.test', port: 50051 } };
  const made = { clock, zone, lines, discovery: new DnsDiscovery({ services, clock, resolver: zone, logger: lines, ...options }) };
  open.push(made);
  return made;
}

const addresses = (nodes: readonly ServiceNode[]): string => nodes.map(({ id, host, port }) => `${id}@${host}:${port}`).join(' ');

describe('finding', () => {
  test('by SRV, and by A with a port', async () => {
    const { zone, discovery } = rig();
    zone.srv('_mesh._tcp.orders.test', [{ target: 'b.test', port: 2 }, { target: 'a.test', port: 1 }]);
    zone.a('a.test', ['10.0.0.1']);
    zone.a('b.test', ['10.0.0.2']);
    zone.a('users.test', ['10.0.0.4', '10.0.0.3']);
    expect(await discovery.discover('orders')).toEqual([{ id: 'orders', host: '10.0.0.1', port: 1 }, { id: 'orders', host: '10.0.0.2', port: 2 }]);
    expect(addresses(await discovery.discover('users'))).toBe('users@10.0.0.3:50051 users@10.0.0.4:50051');
  });

  test('an id that has no DNS name is nobody, whatever objects inherit', async () => {
    const { zone, discovery } = rig();
    for (const id of ['payments', 'toString', '__proto__', '']) expect(await discovery.discover(id)).toEqual([]);
    discovery.watch('payments', () => {})();
    expect(zone.asked).toEqual([]);
  });

  test('by a rule', async () => {
    const { zone, discovery } = rig({ services: (id) => (id === 'secret' ? undefined : `${id}.service.consul`) });
    zone.srv('orders.service.consul', [{ target: 'a.test', port: 9 }]);
    zone.a('a.test', ['10.0.0.1']);
    expect(addresses(await discovery.discover('orders'))).toBe('orders@10.0.0.1:9');
    expect(await discovery.discover('secret')).toEqual([]);
    expect(discovery.description).toBe('the zone');
  });

  test('what a rule says is checked', async () => {
    const { lines, discovery } = rig({ services: (id) => ({ name: `${id}..consul`, type: 'a' }) as never });
    const problems = [expect.stringContaining('services("orders").name'), expect.stringContaining('services("orders").port')];
    await expect(discovery.discover('orders')).rejects.toMatchObject({ reason: 'invalid_option', details: { problems } });
    const told: unknown[] = [];
    discovery.watch('orders', () => {}, (error) => told.push(error?.reason));
    discovery.watch('orders', () => {})();
    expect(told).toEqual([]);
    await Promise.resolve();
    expect([told, lines.all]).toEqual([['invalid_option'], [expect.stringContaining('warn cannot look up orders: services("orders").name')]]);
  });

  test('what a rule throws is told', async () => {
    const { discovery } = rig({ services: () => { throw new Error('theirs'); } });
    const told: unknown[] = [];
    discovery.watch('orders', () => {}, (error) => told.push(error));
    await expect(discovery.discover('orders')).rejects.toThrow('theirs');
    expect(told).toMatchObject([{ reason: 'discovery_failed', text: 'theirs' }]);
  });

  test('register, and so deregister, has nothing to do', async () => {
    const { zone, discovery } = rig();
    await discovery.register();
    expect([zone.asked, 'deregister' in discovery, 'local' in discovery]).toEqual([[], false, false]);
  });

  test('says where it looks', () => {
    expect(rig().discovery.description).toBe('the zone (SRV _mesh._tcp.orders.test, A/AAAA users.test port 50051)');
    expect(rig({ services: { a: 'a.test', b: 'b.test', c: 'c.test', d: 'd.test', e: 'e.test' } }).discovery.description).toBe('the zone (SRV a.test, SRV b.test, SRV c.test and 2 more)');
    expect(rig({ resolver: undefined, servers: ['10.0.0.10', '[fd00::a]:54'] }).discovery.description).toMatch(/^DNS at 10\.0\.0\.10:53, \[fd00::a\]:54 \(SRV/);
  });
});

describe('watching', () => {
  test('one question for all watchers of a name, also for services that share it', async () => {
    const { clock, zone, discovery } = rig({ services: { orders: { name: 'all.test', port: 1 }, users: { name: 'ALL.test.', port: 1 }, other: { name: 'all.test', port: 2 } } });
    const heard: string[] = [];
    zone.a('all.test', ['10.0.0.1'], 10);
    const stops = ['orders', 'orders', 'users'].map((id) => discovery.watch(id, (nodes) => heard.push(addresses(nodes))));
    expect(addresses(await discovery.discover('users'))).toBe('users@10.0.0.1:1');
    expect(zone.asked).toEqual(['A all.test']);
    await clock.advance(12_000);
    expect(zone.asked).toEqual(['A all.test', 'A all.test']);
    expect(heard).toEqual(['orders@10.0.0.1:1', 'orders@10.0.0.1:1', 'users@10.0.0.1:1']);
    expect(addresses(await discovery.discover('other'))).toBe('other@10.0.0.1:2');
    for (const stop of stops) stop();
    expect(clock.pendingTimers).toBe(0);
  });

  test('failures are told to who wants to hear of them, else logged', async () => {
    const { clock, zone, lines, discovery } = rig();
    const told: unknown[] = [];
    zone.failure = new MeshError('discovery_failed', 'SERVFAIL');
    discovery.watch('orders', () => {}, (error) => told.push(error?.text));
    await clock.advance(0);
    expect([told, lines.all]).toEqual([['SERVFAIL'], []]);
    discovery.watch('users', () => {});
    await clock.advance(0);
    expect(lines.all).toEqual(['warn SERVFAIL']);
  });
});

describe('bounds', () => {
  test('of names that nobody watches the last 1,000 are kept', async () => {
    const { zone, discovery } = rig({ services: (id) => ({ name: `${id}.test`, port: 1 }) });
    let heard = 0;
    zone.a('watched.test', ['10.0.0.1'], 60);
    discovery.watch('watched', () => void heard++);
    for (let i = 0; i < 1_001; i++) {
      zone.a(`s${i}.test`, ['10.0.0.1'], 60);
      await discovery.discover(`s${i}`);
    }
    const before = zone.asked.length;
    for (const id of ['watched', 's1000', 's2']) await discovery.discover(id);
    expect([zone.asked.length, heard]).toEqual([before, 1]);
    await discovery.discover('s0');
    expect(zone.asked.length).toBe(before + 1);
  });

  test('closed it asks nothing, tells nothing, and lets who waits go', async () => {
    const { clock, zone, discovery } = rig();
    let heard = 0;
    zone.holds = true;
    zone.a('users.test', ['10.0.0.1']);
    discovery.watch('users', () => void heard++);
    const waiting = discovery.discover('users');
    await discovery.close();
    await discovery.close();
    await expect(waiting).rejects.toMatchObject({ reason: 'discovery_failed' });
    await expect(discovery.discover('users')).rejects.toMatchObject({ reason: 'discovery_failed', text: "cannot look up 'users': discovery is closed" });
    discovery.watch('users', () => void heard++)();
    await clock.advance(60_000);
    expect([heard, zone.asked.length]).toEqual([0, 1]);
  });
});
