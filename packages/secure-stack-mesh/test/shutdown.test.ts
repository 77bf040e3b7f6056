import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { Child } from './support/child.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const folders = { MESH_KEYS_DIR: bed.paths.keysDir, MESH_RUNTIME_DIR: bed.paths.runtimeDir };

/** A service in a process of its own, and the port of its probes. */
async function service(env: NodeJS.ProcessEnv = {}): Promise<{ readonly child: Child; readonly port: number }> {
  const child = bed.closing(new Child('shuts-down.mjs', { ...folders, ...env }));
  const { port } = await child.next<{ port: number }>();
  return { child, port };
}

const probe = async (port: number, name: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}/health/${name}`)).status;

describe('shutdownOn()', () => {
  test('readiness 503 while live and still answering, then closed after the calls in flight, then the process ends with 0', async () => {
    const { child, port } = await service({ WAIT_MS: '1500' });
    const { mesh, audit } = await bed.running({ serviceId: 'caller' });
    const orders = mesh.connect('orders');
    expect(await Promise.all(['live', 'ready', 'startup'].map((name) => probe(port, name)))).toEqual([200, 200, 200]);
    const slow = orders.call('slow', {}, { timeoutMs: 20_000 });
    expect(await child.next()).toBe('slow');
    child.kill('SIGTERM');
    await until('it is not ready', async () => (await probe(port, 'ready')) === 503);
    expect(await probe(port, 'live')).toBe(200);
    // It still takes calls, and says of itself that it is no place for them.
    expect(await orders.call('health', {})).toEqual({ service: 'orders', status: 'unhealthy' });
    expect(typeof (await orders.call('whoami', {}))).toBe('number');
    expect(await child.next()).toBe('closing');
    await child.ask('let it go').catch(() => undefined);
    expect(await slow).toBe('answered');
    const { code, signal, stdout } = await child.ended;
    expect({ code, signal, said: JSON.parse(stdout) }).toEqual({ code: 0, signal: null, said: { signal: 'SIGTERM', outcome: 'closed' } });
    await audit.waitFor('connection.close');
    expect(audit.having('connection.truncated')).toEqual([]);
  }, 30_000);

  test('a second signal ends the process at once', async () => {
    const { child, port } = await service({ WAIT_MS: '25000' });
    child.kill('SIGTERM');
    await until('it is not ready', async () => (await probe(port, 'ready')) === 503);
    child.kill('SIGINT');
    expect(await child.ended).toMatchObject({ code: 130, signal: null, stdout: '' });
  }, 30_000);

  test('a handler that hangs: it ends after timeoutMs, with 1', async () => {
    const { child } = await service({ MODE: 'bounded', WAIT_MS: '10' });
    const { mesh } = await bed.running({ serviceId: 'caller' });
    const slow = mesh.connect('orders').call('slow', {}, { timeoutMs: 20_000 }).catch((error: unknown) => error);
    expect(await child.next()).toBe('slow');
    child.kill('SIGINT');
    const { code, stdout } = await child.ended;
    expect([code, JSON.parse(stdout)]).toEqual([1, { signal: 'SIGINT', outcome: 'timeout' }]);
    expect(await slow).toMatchObject({ code: 'UNAVAILABLE' });
  }, 30_000);

  test('beforeClose that throws is logged, and closing goes on', async () => {
    const { child } = await service({ MODE: 'throws', WAIT_MS: '0' });
    child.kill('SIGTERM');
    const { code, stderr } = await child.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('beforeClose went wrong: unexpected: a hook that fails');
  }, 30_000);

  test('exit: false: the process ends by itself, as nothing of the mesh keeps it', async () => {
    const { child } = await service({ MODE: 'no-exit', WAIT_MS: '50' });
    child.kill('SIGTERM');
    expect(await child.ended).toMatchObject({ code: 0, signal: null, stdout: '{"signal":"SIGTERM","outcome":"closed"}\n' });
  }, 30_000);

  test('dispose() takes the listeners away; so does cleanup(), and asked again it replaces what was', async () => {
    const { mesh } = await bed.running({ serviceId: 'orders' });
    const listeners = (): number => process.listenerCount('SIGUSR2');
    const before = listeners();
    const first = mesh.shutdownOn(['SIGUSR2']);
    expect(listeners()).toBe(before + 1);
    first.dispose();
    expect(listeners()).toBe(before);
    mesh.shutdownOn(['SIGUSR2']);
    mesh.shutdownOn(['SIGUSR2', 'SIGUSR2']);
    expect(listeners()).toBe(before + 1);
    await mesh.cleanup();
    expect(listeners()).toBe(before);
  });

  test('asked again while one is under way: that goes on, and a second signal still forces it', async () => {
    const { mesh } = await bed.running({ serviceId: 'orders' });
    const first = mesh.shutdownOn(['SIGUSR2'], { exit: false, waitMs: 0 });
    process.emit('SIGUSR2', 'SIGUSR2');
    const listeners = process.listeners('SIGUSR2');
    expect(mesh.shutdownOn(['SIGUSR2'], { exit: false })).toBe(first);
    expect(process.listeners('SIGUSR2')).toEqual(listeners);
    expect(await first.done).toEqual({ signal: 'SIGUSR2', outcome: 'closed' });
    expect(process.listenerCount('SIGUSR2')).toBe(0);
  });

  test('what is wrong with its arguments is said at once, by path', () => {
    const { mesh } = bed.mesh({ serviceId: 'orders' });
    for (const signals of [[], ['SIGKILL'], ['SIGNOTHING'], 'SIGTERM']) expect(() => mesh.shutdownOn(signals as never)).toThrow(/signals: /);
    expect(() => mesh.shutdownOn(['SIGTERM'], { waitMs: -1, timeoutMs: 0, beforeClose: 1, exit: 'no', other: 1 } as never)).toThrow(/other: .*; waitMs: .*; timeoutMs: .*; exit: .*; beforeClose: /);
    expect(() => mesh.shutdownOn(['SIGTERM'], { waitMs: 30_000 })).toThrow(/timeoutMs: must be more than waitMs/);
  });
});

test('a rolling restart of three instances under load loses no call', async () => {
  const env = { SERVICE_ID: 'rolling', WAIT_MS: '200' };
  const { mesh } = await bed.running({ serviceId: 'caller' });
  const rolling = mesh.connect('rolling');
  const old = await Promise.all([1, 2, 3].map(() => service(env)));
  const [pids, lost] = [new Set<unknown>(), [] as unknown[]];
  let calls = 0;
  let going = true;
  const load = async (): Promise<void> => {
    while (going) {
      calls++;
      await rolling.call('whoami', {}).then((pid) => pids.add(pid), (error: unknown) => lost.push(error));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const callers = Array.from({ length: 4 }, load);
  await until('all three answer', () => pids.size === 3);
  for (const { child } of old) {
    const before = pids.size;
    await service(env);
    await until('the replacement answers', () => pids.size === before + 1);
    child.kill('SIGTERM');
    expect(await child.ended).toMatchObject({ code: 0 });
  }
  going = false;
  await Promise.all(callers);
  expect(lost).toEqual([]);
  expect(pids.size).toBe(6);
  expect(calls).toBeGreaterThan(100);
}, 60_000);
