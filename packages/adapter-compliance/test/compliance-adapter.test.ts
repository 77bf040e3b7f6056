import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { FakeClock, systemClock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { verifyAuditLog } from '@lemur-bookstores/mesh-log';
import { verifyReport } from '../src/output/verify-report.js';
import { DAY, HOUR, keyEvent, retiredKey, systemEvent } from './support/key-events.js';
import { actionsIn, collectingLogger, complianceAdapter, contextOf, entriesIn, publicKey, temporaryDirectory, until } from './support/support.js';

const NOW = Date.UTC(2026, 0, 1);

/** As an audit log's adapter emits it. */
const checkpoint = (size: number, origin = 'secure-stack-mesh/order-service/0123456789abcdef'): MeshAuditEvent => systemEvent(NOW + size, 'audit.checkpoint', { origin, size, root: 'r', note: 'n' });

describe('the ledger', () => {
  test('is in the logs of the mesh, signed by its keys, and its checkpoints go to the other adapters', async () => {
    const context = contextOf();
    const adapter = complianceAdapter(undefined, { signWith: undefined });
    expect([adapter.directory, adapter.origin, adapter.publicKey]).toEqual([undefined, undefined, undefined]);
    await adapter.start(context);
    expect(adapter.directory).toBe(join(context.paths.logsDir, 'compliance', 'order-service'));
    expect(adapter.origin).toMatch(/^secure-stack-mesh-compliance\/order-service\/[0-9a-f]{16}$/);
    expect(existsSync(join(context.paths.keysDir, 'audit'))).toBe(true);
    await adapter.logEvent(keyEvent(NOW, 'key.activated', { keyId: 'k', trigger: 'start' }));
    await adapter.flush();
    expect(context.emitted.map(({ details }) => [details.action, details.metadata?.['origin']])).toEqual([['audit.checkpoint', adapter.origin], ['audit.checkpoint', adapter.origin]]);
    await adapter.close();
    expect(await verifyAuditLog(adapter.directory as string, { publicKey: adapter.publicKey as string })).toMatchObject({ status: 'authentic', logs: [{ clean: true, notAuthenticated: [] }] });
  });

  test('says what it is for, and when it began and ended', async () => {
    const directory = temporaryDirectory();
    const clock = new FakeClock(NOW);
    const adapter = complianceAdapter(directory, { clock, heartbeatMs: 60_000 });
    await adapter.start(contextOf({ clock }));
    await adapter.close();
    expect(await entriesIn(directory)).toMatchObject([
      { serviceId: 'order-service', timestamp: new Date(NOW), details: { action: 'ledger.started', metadata: { standard: 'PCI-DSS', requirement: '3.7.4', heartbeatMs: 60_000 } } },
      { serviceId: 'order-service', details: { action: 'ledger.stopped' } },
    ]);
  });

  test('keeps what happens to keys, whole, and what tells of the trail; all else it does not take', async () => {
    const directory = temporaryDirectory();
    const adapter = complianceAdapter(directory);
    const kept = [
      keyEvent(NOW, 'key.rotated', { keyId: 'b', previousKeyId: 'a', retired: retiredKey(NOW - HOUR, NOW), peerId: 'spiffe://mesh.example/payment' }, { trace: { traceId: '0'.repeat(32), spanId: '1'.repeat(16) } }),
      systemEvent(NOW, 'audit.start'), systemEvent(NOW, 'audit.stop'), systemEvent(NOW, 'audit.gap', { count: 1 }), systemEvent(NOW, 'system.start'), systemEvent(NOW, 'system.stop'),
      systemEvent(NOW, 'some.other.change', {}, { eventType: 'key_rotation' }),
    ];
    const others = [systemEvent(NOW, 'connection.open', {}, { eventType: 'connection' }), systemEvent(NOW, 'audit.sampled'), systemEvent(NOW, 'key.rotated', { keyId: 'c' }, { eventType: 'message' })];
    expect([...kept, ...others].map((event) => adapter.accepts(event))).toEqual([...kept.map(() => true), ...others.map(() => false)]);
    await adapter.logEvents([...others, ...kept]);
    await adapter.logEvent(others[0] as MeshAuditEvent);
    await adapter.close();
    expect((await entriesIn(directory)).slice(1, -1)).toEqual(kept);
  });

  test('has one checkpoint of each audit log a minute, and the newest when it is flushed and when it ends', async () => {
    const directory = temporaryDirectory();
    const clock = new FakeClock(NOW);
    const adapter = complianceAdapter(directory, { clock });
    const sizes = async (): Promise<unknown[]> => (await entriesIn(directory)).filter(({ details }) => details.action === 'audit.checkpoint').map(({ details }) => details.metadata?.['size']);
    await adapter.logEvents([checkpoint(1), checkpoint(2), checkpoint(10, 'other'), checkpoint(3)]);
    expect(await sizes()).toEqual([1, 2, 10, 3]);
    await adapter.logEvents([checkpoint(4)]);
    await adapter.logEvents([checkpoint(5), checkpoint(11, 'other')]);
    expect(await sizes()).toEqual([1, 2, 10, 3]);
    await clock.advance(60_000);
    await adapter.logEvent(checkpoint(6));
    expect(await sizes()).toEqual([1, 2, 10, 3, 6]);
    await adapter.flush();
    expect(await sizes()).toEqual([1, 2, 10, 3, 6, 11]);
    await adapter.logEvent(checkpoint(7));
    await adapter.logEvent(checkpoint(8));
    await adapter.close();
    expect(await sizes()).toEqual([1, 2, 10, 3, 6, 11, 8]);
  });

  test('shows now and then that it is there, where nothing else does', async () => {
    const directory = temporaryDirectory();
    const clock = new FakeClock(NOW);
    const adapter = complianceAdapter(directory, { clock, heartbeatMs: 60_000 });
    await adapter.start(contextOf({ clock }));
    const beats = async (): Promise<number> => (await actionsIn(directory)).filter((action) => action === 'ledger.alive').length;
    await clock.advance(60_000);
    await until('it beats', async () => (await beats()) === 1);
    // Something was written: no need.
    await adapter.logEvent(keyEvent(NOW, 'key.activated', { keyId: 'k', trigger: 'start' }));
    await clock.advance(60_000);
    await clock.advance(60_000);
    await until('it beats again', async () => (await beats()) === 2);
    await adapter.close();
    await clock.advance(600_000);
    expect(await beats()).toBe(2);
    expect(clock.pendingTimers).toBe(0);
  });

  test('says once in the operational log that redaction hides what it needs', async () => {
    const logger = collectingLogger();
    const adapter = complianceAdapter(temporaryDirectory(), { logger });
    for (let times = 0; times < 3; times++) await adapter.logEvent(keyEvent(NOW, 'key.activated', { keyId: '[redacted]', trigger: 'start' }));
    expect(logger.said).toEqual([expect.stringMatching(/^warn: .*without a readable keyId/)]);
  });
});

describe('a report of the running service', () => {
  test('is of the moment, and has what came last', async () => {
    const directory = temporaryDirectory();
    const clock = new FakeClock(NOW);
    const adapter = complianceAdapter(directory, { clock });
    await adapter.start(contextOf({ clock }));
    await adapter.logEvents([keyEvent(NOW, 'key.activated', { keyId: 'k', trigger: 'start' }), checkpoint(1), checkpoint(2)]);
    await adapter.logEvent(checkpoint(3));
    await clock.advance(HOUR / 60);
    const report = await adapter.report({ from: new Date(NOW), to: new Date(NOW + DAY) });
    expect(report).toMatchObject({
      title: 'Supporting evidence on key management for PCI DSS 3.7.4 (v3.2.1: 3.6.4)',
      services: ['order-service'],
      keys: [{ keyId: 'k', state: 'in use', ageMs: 60_000 }],
      gaps: [{ kind: 'not over yet' }],
      auditLogHeads: [{ size: 3 }],
      ledgers: [{ status: 'authentic', notAuthenticated: [] }],
    });
  });

  test('comes as files with a signature, is never replaced, and can be made after the end', async () => {
    const directory = temporaryDirectory();
    const adapter = complianceAdapter(directory, { clock: new FakeClock(NOW) });
    await adapter.logEvent(keyEvent(NOW, 'key.activated', { keyId: 'k', trigger: 'start' }));
    await adapter.close();
    const out = join(temporaryDirectory(), 'reports');
    const period = { from: new Date(NOW), to: new Date(NOW + DAY) };
    const { json, csv, html, note, contentSha256 } = await adapter.writeReport({ ...period, directory: out });
    expect(json).toBe(join(out, 'compliance-report_order-service_20260101T000000Z_20260102T000000Z.json'));
    const files = { json: readFileSync(json), csv: readFileSync(csv), html: readFileSync(html), note: readFileSync(note as string) };
    for (const keys of [publicKey, adapter.publicKey as string]) expect(verifyReport(files, keys)).toMatchObject({ status: 'authentic', contentSha256, report: { keys: [{ keyId: 'k' }] } });
    await expect(adapter.writeReport({ ...period, directory: out })).rejects.toMatchObject({ reason: 'invalid_option', message: expect.stringContaining('already') });
    for (const text of [files.json, files.csv, files.html]) expect(text.toString()).toContain(contentSha256);
  });

  test('cannot be made before the ledger was open', async () => {
    await expect(complianceAdapter(temporaryDirectory()).report({ from: new Date(0), to: new Date(1) })).rejects.toMatchObject({ reason: 'not_initialized' });
  });

  test('has the other instances of the service, and no other service', async () => {
    const directory = temporaryDirectory();
    const [one, two, other] = [complianceAdapter(directory), complianceAdapter(directory), complianceAdapter(directory)];
    const now = systemClock.now();
    for (const [adapter, keyId, serviceId] of [[one, 'a', 'order-service'], [two, 'b', 'order-service'], [other, 'c', 'payment-service']] as const) {
      await adapter.logEvent(keyEvent(now, 'key.activated', { keyId, trigger: 'start' }, { serviceId }));
    }
    expect(two.directory).toBe(join(directory, 'order-service-2'));
    const report = await one.report({ from: new Date(now - HOUR), to: new Date(now + HOUR) });
    expect([report.services, report.keys.map(({ keyId }) => keyId)]).toEqual([['order-service'], ['a', 'b']]);
  });
});
