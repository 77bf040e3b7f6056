import { mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { ConsoleAdapter } from '@lemur-bookstores/adapter-console';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { openSigningKeys, verifyAuditLog } from '@lemur-bookstores/mesh-log';
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

/** Runs a block where its relative folders are nobody else's. */
async function inFolder<T>(name: string, run: () => Promise<T>): Promise<{ readonly folder: string; readonly result: T }> {
  const folder = join(realpathSync(bed.folder), name);
  mkdirSync(folder);
  const before = process.cwd();
  process.chdir(folder);
  try {
    return { folder, result: await run() };
  } finally {
    process.chdir(before);
  }
}

const trailIn = async (directory: string): Promise<MeshAuditEvent[]> => {
  const events: MeshAuditEvent[] = [];
  for await (const event of new FileAdapter(directory).query()) events.push(event);
  return events;
};

test('Audit Logging > Security Audit Trail: connections and authentication are in files that verify', async () => {
  const { folder, result } = await inFolder('security-audit-trail', () =>
    runGuideBlock(guideBlock('Audit Logging', 'Use Cases', 'Security Audit Trail'), { names: { SecureMesh, FileAdapter }, wanted: ['financialService'] }),
  );
  const { financialService } = result as { financialService: SecureMesh };
  bed.closing(financialService);
  expect(readdirSync(folder)).toEqual([]);
  await financialService.initialize();
  const orders = await bed.running({ serviceId: 'order-service' });
  await orders.mesh.connect('financial-service').call('health', {});
  await financialService.cleanup();

  const actions = (await trailIn(join(folder, 'audit-logs'))).map(({ details }) => details.action);
  expect(actions).toEqual(expect.arrayContaining(['system.start', 'auth.succeeded', 'connection.open', 'message.received', 'system.stop']));
  expect(readdirSync(join(folder, 'audit-logs'))).toEqual(['financial-service']);
  const { key } = await openSigningKeys(bed.paths.keysDir);
  const { status, logs } = await verifyAuditLog(join(folder, 'audit-logs'), { publicKey: key.publicKey.toString('base64') });
  expect([status, logs[0]?.clean, logs[0]?.notAuthenticated]).toEqual(['authentic', true, []]);
});

test('Monitoring Stack Example: console and files, beside adapters of the user\'s own', async () => {
  const taken = new Map<string, { options: unknown; actions: string[] }>();
  const standIn = (name: string): unknown =>
    class {
      readonly durable = false;
      readonly #taken = { options: undefined as unknown, actions: [] as string[] };

      constructor(options: unknown) {
        this.#taken.options = options;
        taken.set(name, this.#taken);
      }

      logEvent({ details }: MeshAuditEvent): Promise<void> {
        this.#taken.actions.push(details.action);
        return Promise.resolve();
      }
    };
  const names = { SecureMesh, FileAdapter, ConsoleAdapter: class { logEvent = (): Promise<void> => Promise.resolve(); } };
  const vendors = { ElasticsearchAdapter: standIn('elasticsearch'), DatadogAdapter: standIn('datadog'), AlertingAdapter: standIn('alerting') };
  const { folder, result } = await inFolder('monitoring-stack', () => runGuideBlock(guideBlock('Monitoring Stack Example'), { names: { ...names, ...vendors }, wanted: ['mesh'] }));
  const { mesh } = result as { mesh: SecureMesh };
  bed.closing(mesh);
  await mesh.initialize();
  await until('a checkpoint of the file is with the others', () => taken.get('elasticsearch')?.actions.includes('audit.checkpoint') === true);
  await mesh.cleanup();
  expect((await trailIn(join(folder, 'logs', 'audit'))).map(({ details }) => details.action)).toEqual(expect.arrayContaining(['system.start', 'system.stop']));
  expect([...taken.keys()]).toEqual(['elasticsearch', 'datadog', 'alerting']);
  for (const { actions } of taken.values()) expect(actions).toEqual(expect.arrayContaining(['system.start', 'audit.checkpoint', 'system.stop']));
});
