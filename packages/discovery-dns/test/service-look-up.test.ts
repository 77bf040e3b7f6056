import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { ServiceLookUp, type FoundInstances } from '../src/service-look-up.js';
import { Zone } from './support/zone.js';

const asking = { deadline: 4_500 };
const name = '_mesh._tcp.orders.test';
const servfail = new MeshError('discovery_failed', 'SERVFAIL');

function rig(): { zone: Zone; find: () => Promise<FoundInstances>; hosts: () => Promise<string[]> } {
  const zone = new Zone();
  const lookUp = new ServiceLookUp({ type: 'srv', name }, zone, 'prefer-4');
  const find = (): Promise<FoundInstances> => lookUp.find(asking);
  return { zone, find, hosts: async () => (await find()).instances.map(({ host, port }) => `${host}:${port}`).sort() };
}

describe('A and AAAA', () => {
  test('all addresses, with the configured port', async () => {
    const zone = new Zone();
    zone.a('orders.test', ['10.0.0.1', '10.0.0.2'], 5);
    const lookUp = new ServiceLookUp({ type: 'a', name: 'orders.test', port: 50051 }, zone, 'prefer-4');
    expect(await lookUp.find(asking)).toEqual({ instances: [{ host: '10.0.0.1', port: 50051 }, { host: '10.0.0.2', port: 50051 }], ttl: 5 });
    expect(zone.askings).toEqual([asking]);
  });
});

describe('SRV', () => {
  test('host and port of each target, its addresses looked up', async () => {
    const { zone, find, hosts } = rig();
    zone.srv(name, [{ target: 'a.test', port: 1 }, { target: 'b.test', port: 2 }, { target: 'a.test', port: 3 }], 30);
    zone.a('a.test', ['10.0.0.1'], 20);
    zone.aaaa('b.test', ['fd00::2'], 25);
    expect(await hosts()).toEqual(['10.0.0.1:1', '10.0.0.1:3', 'fd00::2:2']);
    expect((await find()).ttl).toBe(20);
  });

  test('addresses that came along are not asked for', async () => {
    const { zone, find } = rig();
    zone.srv(name, [{ target: 'a.test', port: 1 }, { target: 'b.test', port: 2 }], 30, [{ type: 'A', name: 'a.test', ttl: 3, address: '10.0.0.1' }]);
    zone.a('b.test', ['10.0.0.2']);
    const { instances, ttl } = await find();
    expect([instances.length, ttl, zone.asked]).toEqual([2, 3, [`SRV ${name}`, 'A b.test']]);
  });

  test('the lowest priority at which there is anybody', async () => {
    const { zone, hosts } = rig();
    zone.srv(name, [{ target: 'spare.test', priority: 20 }, { target: 'gone.test', priority: 5 }, { target: 'a.test', priority: 10 }, { target: 'b.test', priority: 10 }]);
    zone.a('spare.test', ['10.0.0.9']);
    zone.a('a.test', ['10.0.0.1']);
    zone.a('b.test', ['10.0.0.2']);
    expect(await hosts()).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
    zone.a('a.test', []);
    zone.a('b.test', []);
    expect(await hosts()).toEqual(['10.0.0.9:80']);
  });

  test('that DNS cannot say where they are does not call in those that stand by', async () => {
    const { zone, hosts } = rig();
    zone.srv(name, [{ target: 'a.test', priority: 1 }, { target: 'spare.test', priority: 2 }]);
    zone.a('spare.test', ['10.0.0.9']);
    zone.failures.set('A a.test', servfail);
    await expect(hosts()).rejects.toBe(servfail);
  });

  test('weight 0 beside others gets nothing, and among its like everything', async () => {
    const { zone, hosts } = rig();
    zone.a('a.test', ['10.0.0.1']);
    zone.a('b.test', ['10.0.0.2']);
    zone.srv(name, [{ target: 'a.test', weight: 0 }, { target: 'b.test', weight: 5 }]);
    expect(await hosts()).toEqual(['10.0.0.2:80']);
    zone.srv(name, [{ target: 'a.test', weight: 0 }, { target: 'b.test', weight: 0 }]);
    expect(await hosts()).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
  });

  test('where asking for one target fails it stays where it was, the others are taken, and it is told', async () => {
    const { zone, find, hosts } = rig();
    zone.srv(name, [{ target: 'a.test' }, { target: 'b.test' }]);
    zone.a('a.test', ['10.0.0.1']);
    zone.a('b.test', ['10.0.0.2']);
    await find();
    zone.failures.set('A a.test', servfail);
    zone.a('b.test', ['10.0.0.3']);
    zone.srv(name, [{ target: 'a.test' }, { target: 'b.test' }, { target: 'c.test' }]);
    zone.failures.set('A c.test', servfail);
    expect(await find()).toMatchObject({ instances: [{ host: '10.0.0.1' }, { host: '10.0.0.3' }], trouble: servfail });
    expect(await hosts()).toEqual(['10.0.0.1:80', '10.0.0.3:80']);
    zone.failures.clear();
    zone.a('c.test', ['10.0.0.4']);
    const { instances, trouble } = await find();
    expect([instances.length, trouble]).toEqual([3, undefined]);
  });

  test('port 0, and the root as target, are nobody', async () => {
    const { zone, find } = rig();
    zone.srv(name, [{ target: 'a.test', port: 0 }, { target: '' }], 30);
    zone.a('a.test', ['10.0.0.1']);
    expect(await find()).toMatchObject({ instances: [], ttl: 30 });
    expect(zone.asked).toEqual([`SRV ${name}`]);
  });

  test('no more than 256 targets are looked up, the same ones in whatever order they come', async () => {
    const { zone, find } = rig();
    const targets = Array.from({ length: 300 }, (_, i) => ({ target: `t${String(i).padStart(3, '0')}.test` }));
    zone.srv(name, targets.reverse());
    await find();
    expect([zone.asked.filter((question) => question.startsWith('A ')).length, zone.asked.includes('A t255.test'), zone.asked.includes('A t256.test')]).toEqual([256, true, false]);
  });

  test('no more than 16 questions are under way at a time', async () => {
    const { zone, find } = rig();
    zone.srv(name, Array.from({ length: 40 }, (_, i) => ({ target: `t${i}.test` })));
    for (let i = 0; i < 40; i++) zone.a(`t${i}.test`, ['10.0.0.1']);
    let underWay = 0;
    let most = 0;
    const { resolve } = zone;
    zone.resolve = async (question, how) => {
      most = Math.max(most, ++underWay);
      await new Promise((turn) => setImmediate(turn));
      return resolve.call(zone, question, how).finally(() => underWay--);
    };
    expect((await find()).instances).toHaveLength(40);
    expect(most).toBe(16);
  });
});
