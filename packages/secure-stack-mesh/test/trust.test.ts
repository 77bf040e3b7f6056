import { generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { MeshError, type IdentityMaterial } from '@lemur-bookstores/mesh-interface';
import { OpensslAuthority } from './support/openssl.js';
import { dialAsRogue, RogueListener } from './support/rogue.js';
import { TestAuthority } from './support/authority.js';
import { TestBed, type TestMesh } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const HOUR = 3_600_000;
const ours = new TestAuthority(bed.folder);
const openssl = new OpensslAuthority(bed.folder, 'mesh.test', 'ed25519');

/** An identity of somewhere else, whose holder is itself content with ours: an attacker checks nothing. */
const disguised = (material: IdentityMaterial): IdentityMaterial => ({ ...material, trustDomain: ours.trustDomain, trustBundle: [ours.certificate] });

interface Impostor {
  readonly name: string;
  readonly reason: string;
  /** The identity that the rogue shows as 'payments'. */
  readonly material: () => IdentityMaterial;
  /** Files of the victim, where not ours. */
  readonly issuedByOpenssl?: true;
}

const impostors: readonly Impostor[] = [
  { name: 'of a foreign trust domain', reason: 'peer_untrusted', material: () => disguised(new TestAuthority(bed.folder, 'evil.test').material('payments')) },
  { name: 'of another CA that took the name of our trust domain', reason: 'peer_untrusted', material: () => disguised(new TestAuthority(bed.folder).material('payments')) },
  { name: 'with an expired certificate', reason: 'certificate_expired', material: () => ours.material('payments', { issuedInMs: -2 * HOUR, ttlMs: HOUR }) },
  { name: 'with a certificate that is not yet valid', reason: 'certificate_not_yet_valid', material: () => ours.material('payments', { issuedInMs: 2 * HOUR }) },
  { name: 'with two SPIFFE SANs', reason: 'certificate_invalid', issuedByOpenssl: true, material: () => openssl.issue({ serviceIds: ['payments', 'orders'] }).material },
  {
    name: 'issued by a leaf',
    reason: 'certificate_invalid',
    issuedByOpenssl: true,
    material: () => openssl.issue({ serviceIds: ['payments'], issuer: openssl.issue({ serviceIds: ['reports'] }) }).material,
  },
  {
    name: 'with the certificate of a service, but not its key',
    reason: 'signature_invalid',
    material: () => ({ ...ours.material('payments'), privateKey: generateKeyPairSync('ed25519').privateKey }),
  },
];

const identityOfVictim = async (impostor: Impostor) =>
  impostor.issuedByOpenssl === true ? openssl.issue({ serviceIds: ['orders'] }).files : ours.files('orders');

/** The victim, with a handler that must never run. */
async function victim(options: Parameters<TestBed['running']>[0]): Promise<TestMesh & { port: number; delivered: unknown[] }> {
  const made = bed.mesh(options);
  const delivered: unknown[] = [];
  made.mesh.handle('steal', (input) => {
    delivered.push(input);
    return 'loot';
  });
  await made.mesh.initialize();
  return { ...made, port: made.mesh.port as number, delivered };
}

function expectUntouched({ mesh, delivered }: Awaited<ReturnType<typeof victim>>): void {
  const stats = mesh.getStats();
  expect(delivered).toEqual([]);
  expect(stats.metrics).toMatchObject({ messagesReceived: 0, connectionsSuccessful: 0, connectionsFailed: 1 });
  expect(stats.connectedServices).toEqual([]);
  expect(stats.sessions.activeSessions).toBe(0);
}

test('a rogue with an identity that is welcome gets through: the tests below can fail', async () => {
  const orders = await victim({ serviceId: 'orders', host: '127.0.0.1', identity: await ours.files('orders') });
  const { channel, stranger } = await dialAsRogue(orders.port, ours.material('payments'), 'spiffe://mesh.test/orders');
  bed.closing(stranger);

  await orders.audit.waitFor('message.received');
  expect(orders.delivered).toEqual([{ from: 'rogue' }]);
  // Message 2, then welcome and the answer in one record or two.
  expect(await stranger.message(1)).toBeDefined();
  expect(channel?.peer.id).toBe('spiffe://mesh.test/orders');
});

describe('a stranger who dials in', () => {
  test.each(impostors)('$name: refused, $reason', async (impostor) => {
    const orders = await victim({ serviceId: 'orders', host: '127.0.0.1', identity: await identityOfVictim(impostor) });
    const { stranger } = await dialAsRogue(orders.port, impostor.material(), 'spiffe://mesh.test/orders');
    await stranger.ended;

    const event = await orders.audit.waitFor('auth.failed', impostor.reason);
    expect(event).toMatchObject({ eventType: 'connection', serviceId: 'orders', details: { success: false, error: expect.stringMatching(`^${impostor.reason}: `) } });
    // All it ever saw of us: message 2, and the end.
    expect(stranger.opcodes).toEqual([2]);
    expectUntouched(orders);
  });
});

describe('a stranger who is dialled', () => {
  test.each(impostors)('$name: refused, $reason', async (impostor) => {
    const rogue = bed.closing(await RogueListener.start(impostor.material()));
    const orders = await victim({
      serviceId: 'orders',
      host: '127.0.0.1',
      identity: await identityOfVictim(impostor),
      discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: rogue.port }] },
      resilience: { backoff: { initialMs: 60_000, maxMs: 60_000 } },
    });
    const failure: unknown = await orders.mesh.connect('payments').call('pay', { card: '4111' }).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(MeshError);
    expect(failure).toMatchObject({ reason: impostor.reason, code: 'UNAUTHENTICATED', mayHaveRun: false });
    const event = await orders.audit.waitFor('auth.failed', impostor.reason);
    expect(event).toMatchObject({ eventType: 'connection', targetServiceId: 'payments', details: { success: false, error: expect.stringMatching(`^${impostor.reason}: `) } });
    // The impostor got message 1 and the end: neither who we are, nor why (PROTOCOL 1.3).
    expect((await rogue.answered).opcodes).toEqual([2]);
    expectUntouched(orders);
  });

  test('another service of our own behind the address: refused, peer_mismatch', async () => {
    const rogue = bed.closing(await RogueListener.start(ours.material('reports')));
    const orders = await victim({
      serviceId: 'orders',
      host: '127.0.0.1',
      identity: await ours.files('orders'),
      discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: rogue.port }] },
      resilience: { backoff: { initialMs: 60_000, maxMs: 60_000 } },
    });

    await expect(orders.mesh.connect('payments').call('pay', {})).rejects.toMatchObject({
      message: 'peer_mismatch: spiffe://mesh.test/payments was dialled, spiffe://mesh.test/reports answered',
      mayHaveRun: false,
    });
    await orders.audit.waitFor('auth.failed', 'peer_mismatch');
    expect((await rogue.answered).opcodes).toEqual([2]);
    expectUntouched(orders);
  });

  test('the id in discovery.services is the one that counts', async () => {
    const reports = await bed.running({ serviceId: 'reports', host: '127.0.0.1', identity: await ours.files('reports') });
    reports.mesh.handle('read', () => 'read');
    const orders = await bed.running({
      serviceId: 'orders',
      host: '127.0.0.1',
      identity: await ours.files('orders'),
      discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: reports.port, spiffeId: 'spiffe://mesh.test/reports' }] },
    });

    expect(await orders.mesh.connect('payments').call('read', {})).toBe('read');
  });
});
