import { createHash, createPublicKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { IdentityFiles } from '@lemur-bookstores/mesh-interface';
import { TestAuthority } from './support/authority.js';
import { dialAsRogue } from './support/rogue.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const ours = new TestAuthority(bed.folder);
const pinOf = (key: KeyObject): string => createHash('sha256').update(key.export({ type: 'spki', format: 'der' })).digest('base64url');
const leafPin = ({ certFile }: IdentityFiles): string => pinOf(new X509Certificate(readFileSync(certFile)).publicKey);
const caPin = pinOf(new X509Certificate(ours.certificate).publicKey);
const wrongPin = pinOf(generateKeyPairSync('ed25519').publicKey);

/** 'payments', and 'orders' that lists it with these pins. */
async function pinned(pinsFor: (payments: IdentityFiles) => string | string[]) {
  const files = await ours.files('payments');
  const payments = await bed.running({ serviceId: 'payments', host: '127.0.0.1', identity: files });
  payments.mesh.handle('pay', () => 'paid');
  const orders = await bed.running({
    serviceId: 'orders',
    host: '127.0.0.1',
    identity: await ours.files('orders'),
    discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: payments.port, publicKey: pinsFor(files) }] },
    resilience: { backoff: { initialMs: 60_000, maxMs: 60_000 } },
  });
  return { payments, orders };
}

describe('a pin in discovery.services', () => {
  test.each([
    ['of the leaf', (files: IdentityFiles) => leafPin(files)],
    ['of the CA', () => caPin],
    ['in a list where any one holds', (files: IdentityFiles) => [wrongPin, leafPin(files)]],
  ])('%s lets the peer in', async (_name, pinsFor) => {
    const { orders } = await pinned(pinsFor);
    expect(await orders.mesh.connect('payments').call('pay', {})).toBe('paid');
  });

  test('that does not hold keeps the dialler from proving itself', async () => {
    const { orders, payments } = await pinned(() => wrongPin);
    await expect(orders.mesh.connect('payments').call('pay', {})).rejects.toMatchObject({ reason: 'pin_mismatch', code: 'UNAUTHENTICATED', mayHaveRun: false });
    await orders.audit.waitFor('auth.failed', 'pin_mismatch');
    await payments.audit.waitFor('connection.refused', 'handshake_rejected');
    expect(payments.audit.having('auth.succeeded')).toEqual([]);
    expect(payments.mesh.getStats().metrics.messagesReceived).toBe(0);
  });

  test('holds also for the peer when it dials in', async () => {
    // Nothing listens at the address of the list: payments comes to us.
    const closed = await bed.running({ serviceId: 'closed' });
    await closed.mesh.close();
    const orders = await bed.running({
      serviceId: 'orders',
      host: '127.0.0.1',
      identity: await ours.files('orders'),
      discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: closed.port, publicKey: wrongPin }] },
    });
    let delivered = 0;
    orders.mesh.handle('steal', () => delivered++);

    const { stranger } = await dialAsRogue(orders.port, ours.material('payments'), 'spiffe://mesh.test/orders');
    await stranger.ended;
    await orders.audit.waitFor('auth.failed', 'pin_mismatch');
    expect(stranger.opcodes).toEqual([2]);
    expect(delivered).toBe(0);
    expect(orders.mesh.getStats().connectedServices).toEqual([]);

    // Others are not asked for a pin.
    const other = await dialAsRogue(orders.port, ours.material('reports'), 'spiffe://mesh.test/orders');
    bed.closing(other.stranger);
    await until('reports is let in', () => delivered === 1);
  });
});

describe('in the local trust domain', () => {
  const localPin = (): string => pinOf(createPublicKey(readFileSync(join(bed.paths.keysDir, 'local-ca.pem'))));

  test('a pin of the CA holds', async () => {
    const payments = await bed.running({ serviceId: 'payments' });
    payments.mesh.handle('pay', () => 'paid');
    const orders = await bed.running({ serviceId: 'orders', discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: payments.port, publicKey: localPin() }] } });
    expect(await orders.mesh.connect('payments').call('pay', {})).toBe('paid');
  });

  test('a pin of a leaf is an option error: leaves change with every process', async () => {
    const { mesh } = bed.mesh({
      serviceId: 'orders',
      discovery: { services: [{ id: 'a', host: '127.0.0.1', port: 1 }, { id: 'payments', host: '127.0.0.1', port: 1, publicKey: wrongPin }] },
    });
    await expect(mesh.initialize()).rejects.toMatchObject({ reason: 'invalid_option', details: { problems: [expect.stringMatching(/^discovery\.services\[1\]\.publicKey: /)] } });
    expect(mesh.port).toBeUndefined();
  });
});
