import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { LocalDiscovery, type LocalDiscoveryOptions } from '../../src/endpoint/local-discovery.js';
import { ownProcess } from '../../src/endpoint/process-identity.js';
import { Script } from '../support/script.js';
import { RecordingLogger } from '../support/nodes.js';
import { rejection, turns } from '../support/wire.js';

let runtimeDir: string;
const scripts: Script[] = [];
const discoveries: LocalDiscovery[] = [];

beforeEach(() => {
  runtimeDir = mkdtempSync(join(tmpdir(), 'mesh-core-test-'));
});
afterEach(async () => {
  await Promise.all(scripts.splice(0).map((script) => script.kill()));
  await Promise.all(discoveries.splice(0).map((discovery) => discovery.close()));
  rmSync(runtimeDir, { recursive: true, force: true });
});

function local(options: LocalDiscoveryOptions = {}): LocalDiscovery {
  const discovery = new LocalDiscovery({ runtimeDir, ...options });
  discoveries.push(discovery);
  return discovery;
}

const node = (port: number): ServiceNode => ({ id: 'order-service', host: '127.0.0.1', port });
const folder = (): string => join(runtimeDir, 'registry', 'order-service');
const files = (): string[] => readdirSync(folder());

/** A registered service in a process of its own. */
async function service(port: number): Promise<Script> {
  const script = new Script(
    `const discovery = new core.LocalDiscovery({ runtimeDir: process.env.DIR });
     await discovery.register({ id: 'order-service', host: '127.0.0.1', port: ${port} });
     say('registered');
     process.stdin.on('data', async () => { await discovery.close(); process.stdin.pause(); });`,
    { DIR: runtimeDir },
  );
  scripts.push(script);
  expect(await script.said()).toBe('registered');
  return script;
}

describe('registering', () => {
  test('makes an instance findable for everybody on the folder, until it is taken back', async () => {
    const [one, other] = [local(), local()];
    await one.register(node(1));
    await one.register(node(2));
    const found = await other.discover('order-service');
    expect(found).toEqual([{ ...node(1), instanceId: expect.any(String) }, { ...node(2), instanceId: expect.any(String) }]);
    expect(new Set(found.map(({ instanceId }) => instanceId)).size).toBe(2);
    await one.deregister(node(1));
    expect((await other.discover('order-service')).map(({ port }) => port)).toEqual([2]);
    await one.close();
    expect([await other.discover('order-service'), files()]).toEqual([[], []]);
  });

  test('leaves no half-written entry for a reader', async () => {
    const discovery = local();
    await Promise.all(Array.from({ length: 20 }, (_, index) => discovery.register(node(index + 1))));
    expect(files().filter((name) => !name.endsWith('.json'))).toEqual([]);
    expect(await discovery.discover('order-service')).toHaveLength(20);
  });

  test.each(['../escape', 'a/b', '', '.hidden', 'x'.repeat(64), 'ü'])('regression: an id that is none (%j) never names a folder', async (id) => {
    const discovery = local();
    expect(await rejection(discovery.register({ ...node(1), id }))).toMatchObject({ reason: 'invalid_option' });
    expect(await discovery.discover(id)).toEqual([]);
    discovery.watch(id, () => { throw new Error('never'); })();
    expect(readdirSync(runtimeDir)).toEqual([]);
  });
});

describe('real processes', () => {
  test('find each other; one that closes is gone at once, one that is killed with the next look', async () => {
    const [first, second] = await Promise.all([service(1), service(2)]);
    const discovery = local();
    expect((await discovery.discover('order-service')).map(({ port }) => port)).toEqual([1, 2]);
    first.process.stdin?.write('close');
    expect(await first.ended()).toBe(0);
    expect((await discovery.discover('order-service')).map(({ port }) => port)).toEqual([2]);
    await second.kill('SIGKILL');
    expect(files()).toHaveLength(1);
    expect(await discovery.discover('order-service')).toEqual([]);
    expect(files()).toEqual([]);
  });

  test('a watcher hears of those that come and go, and of those that die without a word', async () => {
    const clock = new FakeClock();
    const discovery = local({ clock });
    const heard: number[][] = [];
    let wake: (() => void) | undefined;
    discovery.watch('order-service', (nodes) => {
      heard.push(nodes.map(({ port }) => port));
      wake?.();
    });
    const hears = async (ports: number[]): Promise<void> => {
      while (JSON.stringify(heard.at(-1)) !== JSON.stringify(ports)) await new Promise<void>((resolve) => (wake = resolve));
    };
    const script = await service(7);
    await hears([7]);
    const own = local();
    await own.register(node(8));
    await hears([7, 8]);
    await own.close();
    await hears([7]);
    // A death leaves the file alone: the poll finds it.
    await script.kill('SIGKILL');
    const gone = hears([]);
    while (heard.at(-1)?.length !== 0) await clock.advance(1_000);
    await gone;
  });
});

describe('watching', () => {
  test('without changes says the same only once, and stops when told', async () => {
    const clock = new FakeClock();
    const discovery = local({ clock });
    await local().register(node(1));
    let heard = 0;
    let wake: (() => void) | undefined;
    const stop = discovery.watch('order-service', () => {
      heard++;
      wake?.();
    });
    if (heard === 0) await new Promise<void>((resolve) => (wake = resolve));
    while (clock.pendingTimers === 0) await turns();
    for (let i = 0; i < 5; i++) {
      await clock.advance(1_000);
      while (clock.pendingTimers === 0) await turns();
    }
    expect(heard).toBe(1);
    stop();
    expect(clock.pendingTimers).toBe(0);
    await local().register(node(2));
    await turns(5);
    expect(heard).toBe(1);
  });

  test('goes on by polling where the folder cannot be watched, and says so once it can be read again', async () => {
    const clock = new FakeClock();
    const logger = new RecordingLogger();
    chmodSync(runtimeDir, 0o755);
    const discovery = local({ clock, logger });
    let heard: ServiceNode[] = [];
    discovery.watch('order-service', (nodes) => (heard = nodes));
    while (clock.pendingTimers === 0) await turns();
    expect(logger.lines.join()).toContain('cannot watch the local registry, polling');
    chmodSync(runtimeDir, 0o700);
    await local().register(node(3));
    await clock.advance(1_000);
    while (heard.length === 0) await turns();
    expect(heard.map(({ port }) => port)).toEqual([3]);
  });
});

describe('a folder that others can reach', () => {
  test('is refused, for registering and for looking', async () => {
    chmodSync(runtimeDir, 0o777);
    const discovery = local();
    expect(await rejection(discovery.register(node(1)))).toMatchObject({ reason: 'runtime_dir_unsafe' });
    expect(await rejection(discovery.discover('order-service'))).toMatchObject({ reason: 'runtime_dir_unsafe' });
  });

  test('also below: the folder of one service', async () => {
    const discovery = local();
    await discovery.register(node(1));
    chmodSync(folder(), 0o775);
    expect(await rejection(discovery.discover('order-service'))).toMatchObject({ reason: 'runtime_dir_unsafe' });
  });
});

describe('hostile entries', () => {
  const good = (): Record<string, unknown> => ({ host: '127.0.0.1', port: 9, instanceId: 'i', process: ownProcess() });

  test.each<[string, (path: string) => void]>([
    ['empty', (path) => writeFileSync(path, '')],
    ['no JSON', (path) => writeFileSync(path, '{"host":')],
    ['null', (path) => writeFileSync(path, 'null')],
    ['a number', (path) => writeFileSync(path, '7')],
    ['an array', (path) => writeFileSync(path, '[]')],
    ['without a host', (path) => writeFileSync(path, JSON.stringify({ ...good(), host: undefined }))],
    ['with a port that is none', (path) => writeFileSync(path, JSON.stringify({ ...good(), port: '80' }))],
    ['with a port out of range', (path) => writeFileSync(path, JSON.stringify({ ...good(), port: 70_000 }))],
    ['without a process', (path) => writeFileSync(path, JSON.stringify({ ...good(), process: null }))],
    ['with a process that is none', (path) => writeFileSync(path, JSON.stringify({ ...good(), process: { pid: 'x' } }))],
    ['that names a group of processes', (path) => writeFileSync(path, JSON.stringify({ ...good(), process: { ...ownProcess(), pid: -1, startedAt: '' } }))],
    ['that names every process', (path) => writeFileSync(path, JSON.stringify({ ...good(), process: { ...ownProcess(), pid: 0, startedAt: '' } }))],
    ['of another container', (path) => writeFileSync(path, JSON.stringify({ ...good(), process: { ...ownProcess(), namespace: 'pid:[1]' } }))],
    ['too large', (path) => writeFileSync(path, JSON.stringify({ ...good(), host: 'x'.repeat(5_000) }))],
    ['a folder', (path) => mkdirSync(path)],
    ['a link', (path) => { writeFileSync(`${runtimeDir}/outside`, JSON.stringify(good())); symlinkSync(`${runtimeDir}/outside`, path); }],
    ['a dangling link', (path) => symlinkSync(`${runtimeDir}/nowhere`, path)],
  ])('one that is %s is ignored, the others are found', async (_name, write) => {
    const discovery = local();
    await discovery.register(node(1));
    write(join(folder(), 'hostile.json'));
    expect((await discovery.discover('order-service')).map(({ port }) => port)).toEqual([1]);
  });

  test('what is not an entry by its name is not looked at', async () => {
    const discovery = local();
    await discovery.register(node(1));
    writeFileSync(join(folder(), 'x.json.tmp'), JSON.stringify(good()));
    expect(await discovery.discover('order-service')).toHaveLength(1);
  });

  test('very many are read up to a cap', async () => {
    const discovery = local();
    await discovery.register(node(1));
    for (let i = 0; i < 1_050; i++) writeFileSync(join(folder(), `${i}.json`), JSON.stringify({ ...good(), port: i + 1 }));
    expect((await discovery.discover('order-service')).length).toBeLessThanOrEqual(1_000);
  });
});

test('says where it looked, as a newcomer needs to hear it (PROTOCOL 6.3)', () => {
  expect(local().description).toBe(`${runtimeDir}; local discovery sees only this user on this filesystem; in containers set discovery and identity`);
});
