import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import { AuditLogger } from '@lemur-bookstores/mesh-audit';
import { FakeClock, silentLogger, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { verifyAuditLog } from '@lemur-bookstores/mesh-log';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const folder = (name: string): string => join(bed.folder, name);
const noteOf = (event: MeshAuditEvent): string => String(event.details.metadata?.['note']);

test('a checkpoint that another adapter got is whole: with it alone the log verifies, and a log that was put back does not', async () => {
  const file = new FileAdapter(folder('checkpoints'));
  const { mesh, audit } = await bed.running({ serviceId: 'orders', monitoring: { adapters: [file] } });
  await until('the start is under a checkpoint', () => audit.having('audit.checkpoint').some(({ details }) => Number(details.metadata?.['size']) > 2));
  await mesh.cleanup();
  const checkpoint = audit.having('audit.checkpoint').map(noteOf);
  // The last one was signed at the end, and covers all.
  const { status, logs } = await verifyAuditLog(folder('checkpoints'), { checkpoint: checkpoint.at(-1) as string });
  expect([status, logs[0]?.origin, logs[0]?.clean, logs[0]?.notAuthenticated]).toEqual(['authentic', file.origin, true, []]);

  // Somebody makes the log anew, with the service's own key.
  rmSync(join(folder('checkpoints'), 'orders'), { recursive: true });
  const again = await bed.running({ serviceId: 'orders', monitoring: { adapters: [new FileAdapter(folder('checkpoints'), { origin: file.origin })] } });
  await again.mesh.cleanup();
  const rewritten = await verifyAuditLog(folder('checkpoints'), { publicKey: file.publicKey as string });
  expect(rewritten.status).toBe('authentic');
  expect((await verifyAuditLog(folder('checkpoints'), { publicKey: file.publicKey as string, checkpoint })).status).toBe('tampered');
});

test('two logs in one mesh come to rest: neither answers the checkpoints of the other for ever', async () => {
  const clock = new FakeClock();
  const files = ['one', 'two'].map((name) => new FileAdapter(folder(name)));
  const audit = new AuditLogger({ serviceId: 'orders', adapters: files, clock, logger: silentLogger });
  await audit.start({
    paths: bed.paths,
    metrics: () => {
      throw new Error('not asked for');
    },
  });
  /** A second passes, and what is due in it is done, on both disks. */
  const second = async (): Promise<number> => {
    await clock.advance(1000);
    await audit.flush();
    return audit.stats().emitted;
  };
  await audit.log({ eventType: 'system', details: { action: 'system.start', success: true } });
  for (let count = 0; count < 5; count++) await second();
  const rest = await second();
  for (let count = 0; count < 10; count++) expect(await second()).toBe(rest);
  await audit.close();
  const trail: string[] = [];
  for await (const { details } of files[0]!.query()) trail.push(details.action);
  expect(trail.filter((action) => action === 'audit.checkpoint').length).toBeLessThan(6);
});

test('a log whose file is deleted while the mesh runs: its audit check says so, and the mesh goes on', async () => {
  const file = new FileAdapter(folder('deleted'));
  const { mesh, log } = await bed.running({ serviceId: 'orders', monitoring: { adapters: [file] } });
  await until('the log is open', () => file.directory !== undefined);
  await until('the check is healthy', async () => (await mesh.health.runChecks())['audit']?.status === 'healthy');
  rmSync(join(file.directory as string, 'audit-00000001.jsonl'));
  mesh.audit.record({ eventType: 'connection', details: { action: 'auth.failed', success: false } });
  await until('the log has stopped', () => log.some((line) => line === 'error the audit log has stopped'));
  await until('the check shows it', async () => (await mesh.health.runChecks())['audit']?.status !== 'healthy');
  expect((await mesh.health.runChecks())['audit']?.error).toMatch(/^file takes nothing/);
  const lane = mesh.getStats().audit?.adapters.find(({ adapter }) => adapter === 'file');
  expect([lane?.durable, lane?.deadLettered, (lane?.queued ?? 0) > 0]).toEqual([true, 0, true]);
});

test("the example of the adapter's README works as it stands there, but for folder and port", async () => {
  const readme = readFileSync(new URL('../../adapter-file/README.md', import.meta.url), 'utf8');
  const example = /^```js\n(.*?)^```$/ms.exec(readme)?.[1] ?? '';
  expect(example).toContain('new FileAdapter');
  const code = example.replace('./audit-logs', folder('readme')).replace('port: 50051', 'port: 0');
  const env = { ...process.env, NODE_OPTIONS: '', MESH_KEYS_DIR: bed.paths.keysDir, MESH_RUNTIME_DIR: bed.paths.runtimeDir };
  const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', `${code}\nawait mesh.cleanup();`], { cwd: fileURLToPath(new URL('..', import.meta.url)), env, timeout: 20_000 });
  expect(stderr).toBe('');
  const trail: string[] = [];
  for await (const { details } of new FileAdapter(folder('readme')).query()) trail.push(details.action);
  expect(trail).toEqual(expect.arrayContaining(['system.start', 'system.stop']));
});
