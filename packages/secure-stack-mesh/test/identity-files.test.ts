import { createHash, X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { IdentityFiles } from '@lemur-bookstores/mesh-interface';
import { TestAuthority } from './support/authority.js';
import { OpensslAuthority } from './support/openssl.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const pinOf = ({ certFile }: IdentityFiles): string =>
  createHash('sha256').update(new X509Certificate(readFileSync(certFile)).publicKey.export({ type: 'spki', format: 'der' })).digest('base64url');

/** 'payments', which answers with the key its caller proved, and 'orders', which calls it. */
async function pair(payments: IdentityFiles, orders: IdentityFiles) {
  const server = await bed.running({ serviceId: 'payments', host: '127.0.0.1', identity: payments });
  server.mesh.handle('key', (_input, { peer }) => peer.publicKey);
  const client = await bed.running({
    serviceId: 'orders',
    host: '127.0.0.1',
    identity: orders,
    discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: server.port }] },
  });
  return { server, client, keyShown: () => client.mesh.connect('payments').call('key', {}) };
}

describe('identities that the openssl program made', () => {
  test.each([
    ['ed25519', 'ed25519', 'ed25519'],
    ['p256', 'p256', 'p256'],
    ['ed25519', 'p256', 'ed25519'],
    ['p256', 'ed25519', 'p256'],
  ] as const)('CA %s, acceptor %s, dialler %s', async (ca, acceptor, dialler) => {
    const authority = new OpensslAuthority(bed.folder, 'prod.example.org', ca);
    const orders = authority.issue({ serviceIds: ['orders'], keyType: dialler }).files;
    const { server, keyShown } = await pair(authority.issue({ serviceIds: ['payments'], keyType: acceptor }).files, orders);
    expect(await keyShown()).toBe(pinOf(orders));
    expect((await server.audit.waitFor('auth.succeeded')).details.metadata).toMatchObject({ peerId: 'spiffe://prod.example.org/orders' });
  });
});

test('without a host, a mesh with files listens everywhere, one of the local trust domain on 127.0.0.1 alone', async () => {
  const reaches = (host: string, port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, host);
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  const files = await bed.running({ serviceId: 'orders', identity: await new TestAuthority(bed.folder).files('orders') });
  const local = await bed.running({ serviceId: 'orders' });
  // All of 127.0.0.0/8 is this machine on Linux.
  expect([await reaches('127.0.0.1', files.port), await reaches('127.0.0.2', files.port)]).toEqual([true, true]);
  expect([await reaches('127.0.0.1', local.port), await reaches('127.0.0.2', local.port)]).toEqual([true, false]);
});

describe('files that are not what they should be', () => {
  const authority = new TestAuthority(bed.folder);
  test.each([
    ['a file that is not there', 'identity_unreadable', (files: IdentityFiles) => ({ ...files, keyFile: join(bed.folder, 'nowhere.pem') })],
    ['a key for a certificate', 'identity_invalid', (files: IdentityFiles) => ({ ...files, certFile: files.keyFile })],
    ['another CA', 'identity_invalid', async (files: IdentityFiles) => ({ ...files, caFile: (await new TestAuthority(bed.folder).files('orders')).caFile })],
    ['the key of another certificate', 'identity_invalid', async (files: IdentityFiles) => ({ ...files, keyFile: (await authority.files('orders')).keyFile })],
  ])('%s: %s, and the message names it', async (_name, reason, spoil) => {
    const identity = await spoil(await authority.files('orders'));
    const { mesh } = bed.mesh({ serviceId: 'orders', identity });
    await expect(mesh.initialize()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason, message: expect.stringContaining('identity.') });
    expect(mesh.port).toBeUndefined();
  });
});

describe('files that are replaced while the mesh runs', () => {
  let authority: TestAuthority;
  let files: IdentityFiles;
  let filesOfServer: IdentityFiles;
  let running: Awaited<ReturnType<typeof pair>>;

  beforeEach(async () => {
    authority = new TestAuthority(bed.folder);
    files = await authority.files('orders');
    filesOfServer = await authority.files('payments');
    running = await pair(filesOfServer, files);
    await running.keyShown();
  });

  const redial = async (): Promise<unknown> => {
    await running.client.mesh.disconnect('payments');
    return running.keyShown();
  };
  const warnings = ({ log }: TestMesh): string[] => log.filter((line) => line.startsWith('warn'));

  test('new handshakes show the new certificate; sessions that stand go on', async () => {
    const before = pinOf(files);
    await authority.files('orders', {}, dirname(files.certFile));
    const after = pinOf(files);
    expect(after).not.toBe(before);
    const inUse = (): string => createHash('sha256').update(new X509Certificate(Buffer.from(running.client.mesh.crypto.identity.chain[0]!)).publicKey.export({ type: 'spki', format: 'der' })).digest('base64url');
    await until('the new certificate is taken up', () => inUse() === after);
    expect(await running.keyShown()).toBe(before);
    expect(await redial()).toBe(after);
    expect(warnings(running.client)).toEqual([]);
  });

  test.each([
    ['garbage', (path: IdentityFiles) => writeFileSync(path.certFile, 'garbage')],
    ['half a certificate', (path: IdentityFiles) => writeFileSync(path.certFile, readFileSync(path.certFile, 'utf8').slice(0, 200))],
    ['nothing', (path: IdentityFiles) => renameSync(path.keyFile, `${path.keyFile}.away`)],
    ['the certificate of another service', async (path: IdentityFiles) => void (await authority.files('reports', {}, dirname(path.certFile)))],
    ['an expired certificate', async (path: IdentityFiles) => void (await authority.files('orders', { issuedInMs: -7_200_000, ttlMs: 3_600_000 }, dirname(path.certFile)))],
    ['a certificate of another CA', async (path: IdentityFiles) => copyFileSync((await new TestAuthority(bed.folder).files('orders')).certFile, path.certFile)],
  ])('%s: the last good ones stay, with a warning', async (_name, replace) => {
    const before = pinOf(files);
    await replace(files);
    await until('it is told', () => warnings(running.client).length > 0);
    expect(warnings(running.client)).toHaveLength(1);
    expect(await redial()).toBe(before);
    // And a good set that follows is taken up again.
    await authority.files('orders', {}, dirname(files.certFile));
    const after = pinOf(files);
    await until('the good set is taken up', async () => (await redial()) === after);
  });

  test('a CA is rolled: both are in the bundle, then leaves of the new one, and no call fails', async () => {
    const next = new TestAuthority(bed.folder);
    const bundle = `${authority.certPem}${next.certPem}`;
    const { server, client, keyShown } = running;
    const bundles = ({ mesh }: TestMesh): number => mesh.crypto.identity.trustBundle.length;
    for (const { caFile } of [files, filesOfServer]) writeFileSync(caFile, bundle);
    await until('both know both', () => bundles(server) === 2 && bundles(client) === 2);
    expect(await redial()).toBe(pinOf(files));

    const issued = await next.files('orders');
    copyFileSync(issued.keyFile, files.keyFile);
    copyFileSync(issued.certFile, files.certFile);
    await until('the new leaf is shown', async () => (await redial()) === pinOf(issued));
    expect(await keyShown()).toBe(pinOf(issued));
    expect(client.mesh.getStats().metrics.messagesFailed).toBe(0);
  });
});
