// The guide's blocks about key rotation, as they stand there.
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { ComplianceAdapter, type ComplianceAdapterOptions } from '@lemur-bookstores/adapter-compliance';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import { MemoryTransport } from '@lemur-bookstores/mesh-core';
import { FakeClock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { SecureMeshOptions } from '../src/options.js';
import { SecureMesh } from '../src/secure-mesh.js';
import { guideBlock, runGuideBlock } from './support/guide.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
const cwd = process.cwd();
let folders = 0;
beforeAll(() => {
  process.env['MESH_KEYS_DIR'] = bed.paths.keysDir;
  process.env['MESH_RUNTIME_DIR'] = bed.paths.runtimeDir;
});
// The relative folders of a block are nobody else's.
beforeEach(() => {
  const folder = join(realpathSync(bed.folder), `cwd-${folders++}`);
  mkdirSync(folder);
  process.chdir(folder);
});
afterEach(async () => {
  await bed.close();
  process.chdir(cwd);
});
afterAll(() => bed.remove());

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const ofSession = ({ details }: MeshAuditEvent): boolean => details.metadata?.['keyType'] === 'session';

/** Time and network of a test: hours pass in moments, and nothing that has to go over the network is left behind by them. */
const clock = new FakeClock(Date.now());
const inTime: Partial<SecureMeshOptions> = { clock, transport: new MemoryTransport(), limits: { idlePingMs: 2 ** 40 } };

/** What a block finds as SecureMesh, where time passes. */
class MeshInTime extends SecureMesh {
  constructor(options: SecureMeshOptions) {
    // Disks are real: nobody gives one up because hours went by.
    super({ ...options, ...inTime, monitoring: { ...options.monitoring, deliveryTimeoutMs: 2 ** 30 } });
  }
}

/** In steps that are shorter than the answer to a rekey may take. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 20_000) {
    await clock.advance(20_000);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

test('Key Rotation Monitoring > Configuration: the keys of sessions change every hour, and it is in the log', async () => {
  const { mesh } = (await runGuideBlock(guideBlock('Key Rotation Monitoring', 'Configuration'), { names: { SecureMesh: MeshInTime, FileAdapter }, wanted: ['mesh'] })) as { mesh: SecureMesh };
  bed.closing(mesh);
  await mesh.initialize();
  // It leaves the change of keys to the other.
  const orders = await bed.running({ serviceId: 'order-service', rotation: { interval: 30 * DAY_MS }, ...inTime });
  const call = (): Promise<unknown> => orders.mesh.connect('secure-service').call('health', {});
  await call();
  await pass(HOUR_MS);
  await until('its keys are new at both ends', () => [mesh, orders.mesh].every((end) => end.metrics().rekeys === 1));
  await call();
  await mesh.cleanup();

  const logged: MeshAuditEvent[] = [];
  for await (const event of new FileAdapter('./security-logs').query()) logged.push(event);
  const ofKeys = logged.filter((event) => event.eventType === 'key_rotation' && ofSession(event));
  expect(ofKeys.map(({ details }) => details.action)).toEqual(['key.activated', 'key.rotated', 'key.retired']);
  expect(ofKeys[1]).toMatchObject({
    serviceId: 'secure-service',
    targetServiceId: 'order-service',
    details: { success: true, metadata: { trigger: 'interval', policy: { intervalMs: HOUR_MS, rejectAfterMs: 2 * HOUR_MS, source: 'option' }, retired: { destroyed: true } } },
  });
  const { ageMs } = ofKeys[1]?.details.metadata?.['retired'] as { ageMs: number };
  expect([ageMs <= HOUR_MS, ageMs >= 0.95 * HOUR_MS]).toEqual([true, true]);
});

test('Use Cases > Compliance Tracking: the report has the keys, their daily period and what changed them', async () => {
  const adapters: ComplianceAdapter[] = [];
  class Kept extends ComplianceAdapter {
    constructor(options: ComplianceAdapterOptions) {
      super(options);
      adapters.push(this);
    }
  }
  const { complianceService } = (await runGuideBlock(guideBlock('Key Rotation Monitoring', 'Use Cases', 'Compliance Tracking'), { names: { SecureMesh, ComplianceAdapter: Kept }, wanted: ['complianceService'] })) as { complianceService: SecureMesh };
  bed.closing(complianceService);
  const from = new Date();
  await complianceService.initialize();
  // Nobody waits for a day here: the peer's keys are to change more often.
  const orders = await bed.running({ serviceId: 'order-service', rotation: { interval: 100, rejectAfterMs: HOUR_MS, minIntervalMs: 0 } });
  await orders.mesh.connect('compliance-service').call('health', {});
  await until('keys have changed three times', () => complianceService.metrics().rekeys >= 3);
  await orders.mesh.cleanup();
  await complianceService.cleanup();

  const report = await (adapters[0] as ComplianceAdapter).report({ from, to: new Date(Date.now() + 1) });
  const keys = report.keys.filter(({ keyType }) => keyType === 'session');
  expect(keys).toHaveLength(complianceService.metrics().rekeys + 1);
  for (const key of keys) expect(key).toMatchObject({ service: 'compliance-service', state: 'retired', destroyed: true, policy: { intervalMs: DAY_MS, rejectAfterMs: 2 * DAY_MS, source: 'option' } });
  const rotations = report.changes.filter(({ action, keyType }) => action === 'key.rotated' && keyType === 'session');
  expect(new Set(rotations.map(({ trigger, success }) => `${trigger} ${success}`))).toEqual(new Set(['peer true']));
  expect(report.findings).toEqual([]);
});
