import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { ConsoleAdapter } from '@lemur-bookstores/adapter-console';
import { SecureMesh } from '../src/secure-mesh.js';
import { guideBlock, runGuideBlock } from './support/guide.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
beforeAll(() => {
  process.env['MESH_KEYS_DIR'] = bed.paths.keysDir;
  process.env['MESH_RUNTIME_DIR'] = bed.paths.runtimeDir;
});
afterEach(() => bed.close());
afterAll(() => bed.remove());

test('Audit Logging > Configuration: events appear on the console', async () => {
  const { mesh } = (await runGuideBlock(guideBlock('Audit Logging', 'Configuration'), {
    modules: { './adapters/ConsoleAdapter': { ConsoleAdapter } },
    wanted: ['mesh'],
  })) as { mesh: SecureMesh };
  bed.closing(mesh);

  let shown = '';
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = ((chunk: string | Uint8Array, encoding?: unknown, callback?: (error?: Error) => void) => {
    shown += String(chunk);
    const done = typeof encoding === 'function' ? (encoding as () => void) : callback;
    if (done !== undefined) process.nextTick(done);
    return true;
  }) as typeof process.stdout.write;
  try {
    await mesh.initialize();
    const orders = await bed.running({ serviceId: 'order-service' });
    mesh.handle('getUser', () => ({ name: 'Ada' }));
    expect(await orders.mesh.connect('user-service').call('getUser', {})).toEqual({ name: 'Ada' });
    await mesh.cleanup();
  } finally {
    process.stdout.write = write;
  }
  for (const action of ['system.start', 'auth.succeeded', 'connection.open', 'system.stop']) expect(shown).toContain(action);
  expect(shown.trimEnd().split('\n').every((line) => line.includes('user-service'))).toBe(true);
});

test('Audit Logging > Custom Monitoring Adapter: a class of the user\'s own gets every event', async () => {
  const logged: { service: string; message: string; level: string; timestamp: Date; tags: string[] }[] = [];
  const datadogClient = { log: (entry: (typeof logged)[number]) => Promise.resolve(void logged.push(entry)) };
  const { mesh } = (await runGuideBlock(guideBlock('Audit Logging', 'Custom Monitoring Adapter'), { names: { SecureMesh, datadogClient }, wanted: ['mesh'] })) as { mesh: SecureMesh };
  bed.closing(mesh);
  await mesh.initialize();
  const orders = await bed.running({ serviceId: 'order-service' });
  await orders.mesh.connect('my-service').call('health', {});
  await until('the call is logged', () => logged.some(({ message }) => message === 'message.received'));

  expect(logged[0]).toEqual({ service: 'my-service', message: 'audit.start', level: 'info', timestamp: expect.any(Date), tags: ['event_type:system'] });
  expect(logged.map(({ message, tags }) => `${message} ${tags.join()}`)).toEqual(
    expect.arrayContaining(['auth.succeeded event_type:connection', 'connection.open event_type:connection', 'message.received event_type:message']),
  );
  await mesh.cleanup();
  expect(logged.slice(-2).map(({ message }) => message)).toEqual(['system.stop', 'audit.stop']);
});
