import { readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { CertificateAuthority } from '../src/certificate-authority.js';
import { writeIdentityFiles } from '../src/issued-identity.js';
import { OpensslFolder } from './support/openssl.js';

const ca = CertificateAuthority.create({ trustDomain: 'prod.example.org' });
const folder = new OpensslFolder();
afterAll(() => folder.remove());

test('three files that nobody else can read, in a folder that nobody else can enter', async () => {
  const dir = join(folder.path, 'a', 'orders');
  const issued = ca.issue({ serviceId: 'orders' });
  const files = await writeIdentityFiles(dir, issued);
  expect(files).toEqual({ certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem'), caFile: join(dir, 'ca.pem') });
  expect([dir, ...Object.values(files)].map((path) => (statSync(path).mode & 0o777).toString(8))).toEqual(['700', '600', '600', '600']);
  expect(readFileSync(files.keyFile, 'utf8')).toBe(issued.keyPem);
  expect(folder.run('verify', '-CAfile', files.caFile, files.certFile)).toMatch(/: OK/);
});

test('files that are there are replaced whole, with 0600 whatever they had, and nothing is left over', async () => {
  const dir = join(folder.path, 'replaced');
  await mkdir(dir);
  await writeFile(join(dir, 'key.pem'), 'old', { mode: 0o644 });
  const files = await writeIdentityFiles(dir, ca.issue({ serviceId: 'orders' }));
  expect(statSync(files.keyFile).mode & 0o777).toBe(0o600);
  expect((await readdir(dir)).sort()).toEqual(['ca.pem', 'cert.pem', 'key.pem']);
});

test('no key file without a key', async () => {
  const dir = join(folder.path, 'no-key');
  await writeIdentityFiles(dir, ca.issue({ serviceId: 'orders', publicKey: generateKeyPairSync('ed25519').publicKey }));
  expect((await readdir(dir)).sort()).toEqual(['ca.pem', 'cert.pem']);
});

test('a folder that cannot be one is named', async () => {
  const dir = join(folder.path, 'file');
  await writeFile(dir, '');
  await chmod(dir, 0o600);
  await expect(writeIdentityFiles(dir, ca.issue({ serviceId: 'orders' }))).rejects.toThrow(/^identity_unreadable: cannot write identity files to '.*file'/);
});
