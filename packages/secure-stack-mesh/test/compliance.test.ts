import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { ComplianceAdapter } from '@lemur-bookstores/adapter-compliance';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import { AuditLogger, type AuditLoggerOptions } from '@lemur-bookstores/mesh-audit';
import { silentLogger, type KeyRotationMetadata, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { queryLog, SigningKey, verifyAuditLog } from '@lemur-bookstores/mesh-log';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const key = SigningKey.generate();
const publicKey = key.publicKey.toString('base64');
const HOUR = 3_600_000;

let folders = 0;
function complianceAdapter(): { readonly adapter: ComplianceAdapter; readonly directory: string } {
  const directory = join(bed.folder, `ledgers-${folders++}`);
  return { adapter: new ComplianceAdapter({ standard: 'PCI-DSS', requirement: '3.6.4', directory, signWith: key, logger: silentLogger }), directory };
}

async function eventsIn(directory: string): Promise<MeshAuditEvent[]> {
  const events: MeshAuditEvent[] = [];
  for await (const { event } of queryLog(directory)) events.push(event as unknown as MeshAuditEvent);
  return events;
}

/** Everything that can stand in it. */
const METADATA: Required<KeyRotationMetadata> = {
  keyType: 'session',
  algorithm: 'AES-256-GCM',
  keyId: '0123456789abcdef0123456789abcdef',
  previousKeyId: 'fedcba9876543210fedcba9876543210',
  trigger: 'interval',
  createdAt: '2026-01-01T00:00:00.000Z',
  sessionsRekeyed: 3,
  peerId: 'spiffe://mesh.example/payment-service',
  retired: { activatedAt: '2026-01-01T00:00:00.000Z', ageMs: HOUR, records: 1_048_576, bytes: 17_179_869_184, destroyed: true },
  policy: { intervalMs: HOUR, rejectAfterMs: 2 * HOUR, maxRecords: 1_048_576, maxBytes: 17_179_869_184, source: 'default' },
  overdueMs: 5,
};

describe('what stands in key_rotation events', () => {
  test.each<[string, Partial<AuditLoggerOptions>]>([
    ['by default', {}],
    ["at level 'minimal'", { level: 'minimal' }],
    ["at level 'security'", { level: 'security' }],
    ['with more names masked', { redact: { mask: ['session', 'peer'], allow: ['sessionsRekeyed', 'peerId'] } }],
    ['with an HMAC', { redact: { hmac: { salt: 'a salt of thirty-two characters!!' } } }],
  ])('passes redaction whole %s, and comes to the ledger', async (_what, options) => {
    const { adapter, directory } = complianceAdapter();
    const audit = new AuditLogger({ adapters: [adapter], serviceId: 'order-service', logger: silentLogger, ...options });
    await audit.start();
    await audit.log({ eventType: 'key_rotation', details: { action: 'key.rotated', success: true, metadata: METADATA } });
    await audit.close();
    const [event] = (await eventsIn(directory)).filter(({ eventType }) => eventType === 'key_rotation');
    expect(event?.details.metadata).toEqual(METADATA);
    const report = await adapter.report({ from: new Date(Date.now() - HOUR), to: new Date(Date.now() + HOUR) });
    expect(report.keys.map(({ keyId }) => keyId).sort()).toEqual([METADATA.keyId, METADATA.previousKeyId].sort());
  });

  test('that redaction hides all the same shows as a gap in the report', async () => {
    const { adapter } = complianceAdapter();
    const audit = new AuditLogger({ adapters: [adapter], serviceId: 'order-service', logger: silentLogger, redact: { mask: ['keyId'] } });
    await audit.start();
    await audit.log({ eventType: 'key_rotation', details: { action: 'key.rotated', success: true, metadata: METADATA } });
    await audit.close();
    const { keys, gaps } = await adapter.report({ from: new Date(Date.now() - HOUR), to: new Date(Date.now() + HOUR) });
    expect([keys, gaps.map(({ kind }) => kind)]).toEqual([[], expect.arrayContaining(['no readable key'])]);
  });
});

describe('two meshes that change the keys of their session again and again', () => {
  test('the ledger of each has its keys, their changes and what brought them, and no finding', async () => {
    const [ofOrders, ofPayments] = [complianceAdapter(), complianceAdapter()];
    const rotation = { interval: 100, rejectAfterMs: 60_000, minIntervalMs: 0 };
    const payments = await bed.running({ serviceId: 'payment-service', rotation, monitoring: { adapters: [ofPayments.adapter], delivery: { key_rotation: 'fail-closed' } } });
    payments.mesh.handle('pay', (input) => input);
    const orders = await bed.running({ serviceId: 'order-service', rotation, monitoring: { adapters: [ofOrders.adapter], delivery: { key_rotation: 'fail-closed' } } });
    const client = orders.mesh.connect('payment-service');
    const from = new Date(Date.now() - HOUR);
    await until('keys have changed five times', async () => {
      await client.call('pay', {});
      return [orders, payments].every(({ mesh }) => mesh.metrics().rekeys >= 5);
    });
    await orders.mesh.cleanup();
    await payments.mesh.cleanup();
    const to = new Date(Date.now() + 1);
    const reports = [await ofOrders.adapter.report({ from, to }), await ofPayments.adapter.report({ from, to })] as const;
    const keysOf = ({ keys }: (typeof reports)[number]): string[] => keys.filter(({ keyType }) => keyType === 'session').map(({ keyId }) => keyId);
    // Both ends name a key alike.
    expect(new Set(keysOf(reports[0]))).toEqual(new Set(keysOf(reports[1])));

    const triggers = new Map<string, string[]>();
    for (const [report, mesh, peer] of [[reports[0], orders.mesh, 'payment-service'], [reports[1], payments.mesh, 'order-service']] as const) {
      const { rekeys } = mesh.metrics();
      const keys = report.keys.filter(({ keyType }) => keyType === 'session');
      expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(rekeys + 1);
      for (const key of keys) {
        expect(key).toMatchObject({ algorithm: 'AES-256-GCM', state: 'retired', destroyed: true, failedChanges: 0, policy: { intervalMs: 100, rejectAfterMs: 60_000, source: 'option' } });
        expect(key.peerId).toMatch(new RegExp(`^spiffe://.*/${peer}$`));
      }
      const changes = report.changes.filter(({ keyType }) => keyType === 'session');
      const rotations = changes.filter(({ action }) => action === 'key.rotated');
      expect([rotations.length, changes.length]).toEqual([rekeys, rekeys + 2]);
      for (const { keyId, trigger } of rotations) triggers.set(keyId, [...(triggers.get(keyId) ?? []), trigger]);
      expect(report.findings).toEqual([]);
    }
    // Whose interval was over first says so; the other says that the peer wanted it, or the same.
    for (const both of triggers.values()) expect(['interval,interval', 'interval,peer', 'peer,interval']).toContain(both.join());
  });
});

describe('a mesh with a ledger', () => {
  test('has it filled with what it says of itself, and each log witnesses the other', async () => {
    const { adapter, directory } = complianceAdapter();
    const trail = new FileAdapter(join(bed.folder, 'trail'), { signWith: key, logger: silentLogger });
    const { mesh } = await bed.running({ serviceId: 'order-service', monitoring: { adapters: [trail, adapter] } });
    await mesh.audit.log({ eventType: 'key_rotation', details: { action: 'key.activated', success: true, metadata: METADATA } });
    await mesh.audit.flush();
    const report = await adapter.report({ from: new Date(Date.now() - HOUR), to: new Date(Date.now() + HOUR) });
    await mesh.cleanup();

    expect(report.trail.map(({ action }) => action)).toEqual(expect.arrayContaining(['audit.start', 'ledger.started', 'system.start']));
    expect(report.auditLogHeads).toMatchObject([{ service: 'order-service', origin: trail.origin }]);
    // The head in the report proves the audit log, and checkpoints in the audit log prove the ledger.
    const checkpoint = report.auditLogHeads.map(({ note }) => note);
    expect(await verifyAuditLog(join(bed.folder, 'trail'), { publicKey, checkpoint })).toMatchObject({ status: 'authentic' });
    const ofLedger = (await eventsIn(join(bed.folder, 'trail'))).filter(({ details }) => details.action === 'audit.checkpoint' && details.metadata?.['origin'] === adapter.origin);
    expect(ofLedger.length).toBeGreaterThan(0);
    expect(await verifyAuditLog(directory, { publicKey, checkpoint: ofLedger.map(({ details }) => details.metadata?.['note'] as string) })).toMatchObject({ status: 'authentic', logs: [{ clean: true }] });
    expect((await eventsIn(directory)).map(({ details }) => details.action)).toEqual(expect.arrayContaining(['ledger.started', 'audit.start', 'system.start', 'audit.checkpoint', 'key.activated', 'system.stop', 'audit.stop', 'ledger.stopped']));
  });

  test('may have it as its only durable sink of fail-closed changes of keys', async () => {
    const { adapter, directory } = complianceAdapter();
    const { mesh } = await bed.running({ serviceId: 'order-service', monitoring: { adapters: [adapter], delivery: { key_rotation: 'fail-closed' } } });
    await mesh.audit.log({ eventType: 'key_rotation', details: { action: 'key.activated', success: true, metadata: METADATA } });
    expect((await eventsIn(directory)).map(({ details }) => details.action)).toContain('key.activated');
  });
});
