import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { signCheckpoint } from '@lemur-bookstores/mesh-log';
import { DAY, HOUR, keyEvent, retiredKey, systemEvent } from './key-events.js';
import { alive, START, started, stopped } from './ledgers.js';
import { key } from './support.js';

/** @param number of the month, from 1 on */
export const day = (number: number, hour = 0): number => START + (number - 1) * DAY + hour * HOUR;

export const JANUARY = { from: new Date(day(1)), to: new Date(day(32)) };

function head(at: number, size: number): MeshAuditEvent {
  const origin = 'secure-stack-mesh/order-service/0123456789abcdef';
  const { root, note } = signCheckpoint({ origin, size, root: Buffer.alloc(32, size % 256) }, [key]);
  return systemEvent(at, 'audit.checkpoint', { origin, size, root: root.toString('base64'), note });
}

/** A month of a service that has all that a report can tell of. */
export function january(): MeshAuditEvent[] {
  const payment = 'spiffe://mesh.example/payment-service';
  return [
    started(day(1)),
    systemEvent(day(1), 'audit.start', undefined, { sequence: 1 }),
    head(day(1), 3),
    systemEvent(day(1), 'system.start', undefined, { sequence: 2 }),
    keyEvent(day(1), 'key.activated', { keyType: 'certificate', keyId: 'certificate-1', trigger: 'start', createdAt: new Date(day(0)).toISOString() }),
    keyEvent(day(1), 'key.activated', { keyType: 'static', keyId: 'static-1', trigger: 'start' }),
    keyEvent(day(1, 1), 'key.activated', { keyId: 'payment-1', trigger: 'start', peerId: payment }),
    keyEvent(day(1, 1), 'key.activated', { keyId: 'user-1', trigger: 'start' }),
    // On time.
    keyEvent(day(2, 1), 'key.rotated', { keyId: 'payment-2', previousKeyId: 'payment-1', peerId: payment, retired: retiredKey(day(1, 1), day(2, 1)) }),
    // A change that fails, is missed, and comes beyond the hard limit.
    keyEvent(day(2, 1), 'key.rotation_failed', { keyId: 'user-1', error: 'keepalive_timeout: user-service gave no answer' }),
    keyEvent(day(2, 7), 'key.overdue', { keyId: 'user-1', overdueMs: 6 * HOUR }),
    keyEvent(day(3, 7), 'key.rotated', { keyId: 'user-2', previousKeyId: 'user-1', retired: retiredKey(day(1, 1), day(3, 7), { records: 2_000_000, bytes: 300_000_000 }) }),
    keyEvent(day(3, 1), 'key.rotated', { keyId: 'payment-3', previousKeyId: 'payment-2', trigger: 'records', peerId: payment, retired: retiredKey(day(2, 1), day(3, 1), { records: 1_048_576 }) }),
    // By hand, and because of a compromise.
    keyEvent(day(3, 20), 'key.rotated', { keyType: 'static', keyId: 'static-2', previousKeyId: 'static-1', trigger: 'manual', sessionsRekeyed: 2, retired: retiredKey(day(1), day(3, 20), { records: 0, bytes: 0 }) }),
    keyEvent(day(3, 21), 'key.rotated', { keyType: 'static', keyId: 'static-3', previousKeyId: 'static-2', trigger: 'compromise', sessionsRekeyed: 1, retired: retiredKey(day(3, 20), day(3, 21), { records: 0, bytes: 0 }) }),
    keyEvent(day(3, 21), 'key.rotated', { keyId: 'payment-4', previousKeyId: 'payment-3', trigger: 'compromise', peerId: payment, retired: retiredKey(day(3, 1), day(3, 21)) }),
    keyEvent(day(3, 21), 'key.retired', { keyId: 'user-2', trigger: 'compromise', retired: retiredKey(day(3, 7), day(3, 21)) }),
    keyEvent(day(4, 17), 'key.retired', { keyId: 'payment-4', trigger: 'start', retired: retiredKey(day(3, 21), day(4, 17)) }),
    ...[5, 6, 7, 8, 9].map((number) => alive(day(number))),
    systemEvent(day(10), 'audit.gap', { count: 17, fromSequence: 5021, toSequence: 5037 }),
    alive(day(11)),
    keyEvent(day(11, 6), 'key.activated', { keyId: 'payment-5', trigger: 'start', peerId: payment }),
    // Killed, and back after ten minutes: the certificate is the same, the static key is not.
    started(day(11, 12) + 600_000),
    systemEvent(day(11, 12) + 600_000, 'audit.start', undefined, { sequence: 1 }),
    systemEvent(day(11, 12) + 600_000, 'system.start', undefined, { sequence: 2 }),
    keyEvent(day(11, 12) + 600_000, 'key.activated', { keyType: 'certificate', keyId: 'certificate-1', trigger: 'start' }),
    keyEvent(day(11, 12) + 600_000, 'key.activated', { keyType: 'static', keyId: 'static-4', trigger: 'start' }),
    ...[13, 15, 17].map((number) => alive(day(number))),
    keyEvent(day(19), 'key.rotated', { keyType: 'certificate', keyId: 'certificate-2', previousKeyId: 'certificate-1', trigger: 'certificate', createdAt: new Date(day(19)).toISOString(), retired: retiredKey(day(1), day(19), { records: 0, bytes: 0 }) }),
    head(day(20), 48_213),
    ...[21, 23, 24].map((number) => alive(day(number))),
    keyEvent(day(24, 6), 'key.activated', { keyId: 'payment-6', trigger: 'start', peerId: payment }),
    keyEvent(day(25), 'key.retired', { keyId: 'payment-6', trigger: 'start', retired: retiredKey(day(24, 6), day(25), { records: 12, bytes: 3_456 }) }),
    keyEvent(day(25), 'key.retired', { keyType: 'static', keyId: 'static-4', trigger: 'start', retired: retiredKey(day(11, 12) + 600_000, day(25), { records: 0, bytes: 0 }) }),
    systemEvent(day(25), 'system.stop'),
    systemEvent(day(25), 'audit.stop'),
    stopped(day(25)),
    // Stopped in order for a day.
    started(day(26)),
    systemEvent(day(26), 'audit.start', undefined, { sequence: 1 }),
    systemEvent(day(26), 'system.start', undefined, { sequence: 2 }),
    keyEvent(day(26), 'key.activated', { keyType: 'certificate', keyId: 'certificate-2', trigger: 'start' }),
    keyEvent(day(26), 'key.activated', { keyType: 'static', keyId: 'static-5', trigger: 'start' }),
    // Suspended: no heartbeat for three days.
    alive(day(29, 12)),
    keyEvent(day(31, 12), 'key.activated', { keyId: 'payment-7', trigger: 'start', peerId: payment }),
    // The first moment that is no part of the month.
    keyEvent(day(32), 'key.rotated', { keyId: 'payment-8', previousKeyId: 'payment-7', peerId: payment, retired: retiredKey(day(31, 12), day(32)) }),
    head(day(32), 50_000),
    alive(day(33)),
  ];
}
