import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import { MemoryTransport } from '@lemur-bookstores/mesh-core';
import { MeshError, type AuditEventType, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { SecureMeshOptions } from '../src/options.js';
import { Disk } from './support/disk.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const closed = (type: AuditEventType, disk: ManagedAdapter, more: object = {}): NonNullable<SecureMeshOptions['monitoring']> => ({ adapters: [disk], delivery: { [type]: 'fail-closed' }, ...more });

const failureOf = async (call: Promise<unknown>): Promise<MeshError> =>
  call.then(
    () => Promise.reject(new Error('it succeeded')),
    (error: unknown) => error as MeshError,
  );

const succeeds = (call: Promise<unknown>): Promise<boolean> =>
  call.then(
    () => true,
    () => false,
  );

/** 'orders' calls 'payments'; at one of them events of a type are fail-closed, and its disk is in the test's hand. */
async function pair(at: 'payments' | 'orders', type: AuditEventType, options: Partial<SecureMeshOptions> = {}, more: object = {}): Promise<{ disk: Disk; payments: TestMesh; orders: TestMesh; handled: unknown[]; pay(input: unknown, timeoutMs?: number): Promise<unknown> }> {
  const disk = new Disk();
  const of = (id: string) => ({ serviceId: id, ...options, ...(id === at ? { monitoring: closed(type, disk, more) } : {}) });
  const payments = bed.mesh(of('payments'));
  const handled: unknown[] = [];
  payments.mesh.handle('pay', (input) => (handled.push(input), input));
  await payments.mesh.initialize();
  const orders = await bed.running({ resilience: { backoff: { initialMs: 1, maxMs: 20 }, retry: false }, ...of('orders') });
  const client = orders.mesh.connect('payments');
  return { disk, payments, orders, handled, pay: (input, timeoutMs = 8_000) => client.call('pay', input, { timeoutMs }) };
}

describe.each([
  ['sockets', () => ({})],
  ['memory', () => ({ transport: new MemoryTransport() })],
])('calls over %s, where message events are fail-closed', (_name, transport) => {
  test('at the called service: its disk has both events before the answer is there', async () => {
    const { disk, pay } = await pair('payments', 'message', transport());
    for (let i = 1; i <= 3; i++) {
      expect(await pay(i)).toBe(i);
      expect(disk.actions('message.')).toEqual(Array.from({ length: i }, () => ['message.accepted', 'message.received']).flat());
    }
    // Many at once share what the disk does.
    const answers = await Promise.all(Array.from({ length: 300 }, (_, index) => pay(index)));
    expect(answers).toHaveLength(300);
    expect(disk.actions('message.accepted')).toHaveLength(303);
  });

  test('at the called service: a full disk, and no handler runs; then it has room again', async () => {
    const { disk, payments, handled, pay } = await pair('payments', 'message', transport());
    expect(await pay(1)).toBe(1);
    disk.becomes('full');
    expect(await failureOf(pay(2))).toMatchObject({ code: 'UNAVAILABLE', reason: 'audit_unavailable', mayHaveRun: false, message: 'audit_unavailable: the service that was called cannot write its audit trail' });
    disk.recovers();
    expect(await pay(3)).toBe(3);
    expect(handled).toEqual([1, 3]);
    // Its other adapter was told what the disk does not have.
    expect(payments.audit.events.filter(({ eventType }) => eventType === 'message').map(({ details }) => details.action)).toEqual(
      ['message.accepted', 'message.received', 'message.accepted', 'message.failed', 'message.accepted', 'message.received'],
    );
  });

  test('at the called service: no room for the outcome, and the caller learns that it may have run', async () => {
    const { disk, handled, pay } = await pair('payments', 'message', transport());
    await pay(1);
    disk.becomes('full', 'message.received');
    expect(await failureOf(pay(2))).toMatchObject({ reason: 'audit_unavailable', mayHaveRun: true });
    expect(handled).toEqual([1, 2]);
    // What the caller was told is recorded, and waited for by nobody.
    await until('the disk has it', () => disk.actions('message.').length === 4);
    expect(disk.actions('message.').slice(2)).toEqual(['message.accepted', 'message.failed']);
  });

  test('at the caller: its disk has both before the call settles; a full one, and nothing is written', async () => {
    const { disk, orders, handled, pay } = await pair('orders', 'message', transport());
    expect(await pay(1)).toBe(1);
    expect(disk.actions('message.')).toEqual(['message.sending', 'message.sent']);
    disk.becomes('full');
    expect(await failureOf(pay(2))).toMatchObject({ reason: 'audit_unavailable', mayHaveRun: false });
    disk.becomes('full', 'message.sent');
    expect(await failureOf(pay(3))).toMatchObject({ reason: 'audit_unavailable', mayHaveRun: true });
    expect(handled).toEqual([1, 3]);
    expect(orders.mesh.getStats().metrics).toMatchObject({ messagesSent: 3, messagesFailed: 2 });
  });

  test.each([['payments', 'message.accepted', []], ['payments', 'message.received', [2]], ['orders', 'message.sending', []], ['orders', 'message.sent', [2]]] as const)('at %s, a disk that hangs at %s: the call ends by its own deadline', async (at, action, ran) => {
    const { disk, payments, handled, pay } = await pair(at, 'message', transport());
    await pay(1);
    disk.becomes('hangs', action);
    const startedAt = performance.now();
    expect(await failureOf(pay(2, 200))).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: action !== 'message.sending' });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    // What the disk takes a moment before the called service's own clock says so is in time there.
    if (at === 'payments') await payments.audit.waitFor('message.failed');
    disk.recovers();
    expect(await pay(3)).toBe(3);
    expect(handled).toEqual([1, ...ran, 3]);
  });
});

test('a disk that hangs for longer than a delivery may take is as good as full', async () => {
  const { disk, handled, pay } = await pair('payments', 'message', {}, { deliveryTimeoutMs: 200 });
  await pay(1);
  disk.becomes('hangs');
  expect(await failureOf(pay(2))).toMatchObject({ reason: 'audit_unavailable', mayHaveRun: false });
  expect(handled).toEqual([1]);
  disk.recovers();
});

test('with the file adapter and everything fail-closed: what started, was let in and was answered is in the log', async () => {
  const files = new FileAdapter(join(bed.folder, 'trail'));
  const delivery = { system: 'fail-closed', connection: 'fail-closed', message: 'fail-closed' } as const;
  const payments = bed.mesh({ serviceId: 'payments', monitoring: { adapters: [files], delivery } });
  payments.mesh.handle('pay', (input) => input);
  await payments.mesh.initialize();
  const orders = await bed.running({ serviceId: 'orders' });
  const client = orders.mesh.connect('payments');
  const trace = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
  await Promise.all(Array.from({ length: 50 }, (_, index) => client.call('pay', index, { trace })));
  const logged: MeshAuditEvent[] = [];
  for await (const event of files.query()) logged.push(event);
  for (const action of ['system.start', 'auth.succeeded']) expect(logged.filter(({ details }) => details.action === action)).toHaveLength(1);
  for (const action of ['message.accepted', 'message.received']) expect(logged.filter(({ details, trace: of }) => details.action === action && of?.traceId === trace.traceId)).toHaveLength(50);
});

describe('sessions, where connection events are fail-closed', () => {
  test.each(['payments', 'orders'] as const)('at %s: none is used before its disk has auth.succeeded; a full one lets nobody in, until it has room', async (at) => {
    const { disk, payments, orders, handled, pay } = await pair(at, 'connection');
    expect(await pay(1)).toBe(1);
    expect(disk.actions('auth.')).toEqual(['auth.succeeded']);

    await orders.mesh.disconnect('payments');
    disk.becomes('full', 'auth.succeeded');
    const failure = await failureOf(pay(2));
    expect(failure).toMatchObject({ code: 'UNAVAILABLE', reason: 'no_endpoint', mayHaveRun: false, cause: { reason: at === 'orders' ? 'audit_unavailable' : 'handshake_rejected' } });
    const { mesh, audit } = at === 'orders' ? orders : payments;
    expect(await audit.waitFor(at === 'orders' ? 'connection.failed' : 'connection.refused', 'audit_unavailable')).toMatchObject({ eventType: 'connection', details: { success: false } });
    expect(mesh.getStats().metrics.connectionsFailed).toBeGreaterThan(0);
    expect(mesh.metrics().handshakes['audit_unavailable']).toBeGreaterThan(0);
    // The other end may have one that is about to be closed.
    expect(mesh.getStats().sessions.activeSessions).toBe(0);

    disk.recovers();
    await until('it works again', () => succeeds(pay(3)));
    expect(handled).toEqual([1, 3]);
  });

  test("a disk that hangs: refused at the end of the handshake's time", async () => {
    const { disk, payments, orders, pay } = await pair('payments', 'connection', { limits: { handshakeMs: 300 } });
    await pay(1);
    await orders.mesh.disconnect('payments');
    disk.becomes('hangs', 'auth.succeeded');
    expect(await failureOf(pay(2))).toMatchObject({ reason: 'no_endpoint' });
    await payments.audit.waitFor('connection.refused', 'audit_unavailable');
    disk.recovers();
    await until('it works again', () => succeeds(pay(3)));
  });
});

describe('keys, where key_rotation events are fail-closed', () => {
  test.each(['payments', 'orders'] as const)('at %s: no session is used before its disk has the key.activated of it', async (at) => {
    const { disk, payments, orders, handled, pay } = await pair(at, 'key_rotation');
    expect(await pay(1)).toBe(1);
    const ofSessions = (action: string): MeshAuditEvent[] => disk.events.filter(({ details }) => details.action === action && details.metadata?.['keyType'] === 'session');
    expect(ofSessions('key.activated')).toHaveLength(1);

    await orders.mesh.disconnect('payments');
    disk.becomes('full', 'key.activated');
    expect(await failureOf(pay(2))).toMatchObject({ reason: 'no_endpoint', mayHaveRun: false, cause: { reason: at === 'orders' ? 'audit_unavailable' : 'handshake_rejected' } });
    await (at === 'orders' ? orders : payments).audit.waitFor(at === 'orders' ? 'connection.failed' : 'connection.refused', 'audit_unavailable');

    disk.recovers();
    await until('it works again', () => succeeds(pay(3)));
    expect(handled).toEqual([1, 3]);
  });

  test.each(['payments', 'orders'] as const)('at %s: a change of keys that the disk does not take ends the session, and the call that waits learns it', async (at) => {
    const { disk, payments, orders, pay } = await pair(at, 'key_rotation', { rotation: { interval: 100, rejectAfterMs: 60_000, minIntervalMs: 0 } });
    payments.mesh.handle('wait', () => new Promise(() => {}));
    await pay(1);
    await until('the disk has a change', () => disk.actions('key.rotated').length > 0);
    disk.becomes('full', 'key.rotated');
    const failure = await failureOf(orders.mesh.connect('payments').call('wait', {}));
    // The other end only sees the connection end.
    expect(failure).toMatchObject({ reason: 'connection_lost', mayHaveRun: true, cause: { reason: at === 'orders' ? 'audit_unavailable' : 'connection_truncated' } });
    await (at === 'orders' ? orders : payments).audit.waitFor('session.failed', 'audit_unavailable');
    disk.recovers();
    await until('it works again', () => succeeds(pay(2)));
  });
});

describe('a start, where system events are fail-closed', () => {
  test('is through once the disk has system.start', async () => {
    const disk = new Disk();
    const { mesh } = bed.mesh({ serviceId: 'payments', monitoring: closed('system', disk) });
    await mesh.initialize();
    expect(disk.actions('system.')).toEqual(['system.start']);
    await mesh.cleanup();
    expect(disk.actions('system.')).toEqual(['system.start', 'system.stop']);
  });

  test('a full disk: initialize() rejects and nothing of it is left; it may be called again', async () => {
    const disk = new Disk();
    disk.becomes('full');
    const { mesh } = bed.mesh({ serviceId: 'payments', monitoring: closed('system', disk) });
    expect(await failureOf(mesh.initialize())).toMatchObject({ code: 'UNAVAILABLE', reason: 'audit_unavailable' });
    expect([mesh.port, (await mesh.healthCheck()).status]).toEqual([undefined, 'unhealthy']);
    const orders = await bed.running({ serviceId: 'orders' });
    expect(await failureOf(orders.mesh.connect('payments').call('health', {}, { timeoutMs: 3_000 }))).toMatchObject({ reason: 'unknown_service' });
    disk.recovers();
    await mesh.initialize();
    await until('it can be found', () => succeeds(orders.mesh.connect('payments').call('health', {})));
  });
});
