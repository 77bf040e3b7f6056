import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseCertificate } from '../../src/identity/certificate.js';
import { identityFilesSource } from '../../src/identity/identity-files.js';
import { verifyPeer } from '../../src/identity/trust-bundle.js';

const ID = 'spiffe://prod.example.org/orders';

let folder: string;
const openssl = (...parameters: string[]): void => void execFileSync('openssl', parameters, { cwd: folder, stdio: 'pipe' });
const at = (file: string): string => join(folder, file);
const der = (file: string): Buffer => new X509Certificate(readFileSync(at(file))).raw;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-openssl-'));
  writeFileSync(at('intermediate.ext'), 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n');
  writeFileSync(
    at('leaf.ext'),
    `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=URI:${ID},DNS:orders.example.org,IP:127.0.0.1\n`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

describe.each([
  ['Ed25519', ['-algorithm', 'ed25519']],
  ['P-256', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']],
])('%s, made by openssl: root, intermediate, leaf', (name, algorithm) => {
  const file = (what: string): string => `${name}-${what}`;

  beforeAll(() => {
    for (const who of ['root', 'mid', 'leaf']) openssl('genpkey', ...algorithm, '-out', file(`${who}.key`));
    // As short as it gets: no keyUsage in the root.
    openssl('req', '-x509', '-key', file('root.key'), '-subj', '/CN=root', '-days', '30', '-out', file('root.pem'));
    for (const [who, issuer] of [['mid', 'root'], ['leaf', 'mid']] as const) {
      openssl('req', '-new', '-key', file(`${who}.key`), '-subj', `/CN=${who}`, '-out', file(`${who}.csr`));
      openssl('x509', '-req', '-in', file(`${who}.csr`), '-CA', file(`${issuer}.pem`), '-CAkey', file(`${issuer}.key`), '-CAcreateserial',
        '-days', '7', '-extfile', who === 'mid' ? 'intermediate.ext' : 'leaf.ext', '-out', file(`${who}.pem`));
    }
    writeFileSync(at(file('chain.pem')), readFileSync(at(file('leaf.pem')), 'utf8') + readFileSync(at(file('mid.pem')), 'utf8'));
  });

  test('every field is what Node reads', () => {
    const raw = der(file('leaf.pem'));
    const [node, own] = [new X509Certificate(raw), parseCertificate(raw)];
    expect(own.serial.toString('hex').toUpperCase().replace(/^00/, '')).toBe(node.serialNumber);
    expect(own.notBefore).toBe(Date.parse(node.validFrom));
    expect(own.notAfter).toBe(Date.parse(node.validTo));
    expect(own.publicKey.equals(node.publicKey)).toBe(true);
    expect(own.spki).toEqual(node.publicKey.export({ type: 'spki', format: 'der' }));
    expect(own.subjectAltName).toEqual({ critical: false, uris: [ID] });
    expect(own.keyUsage).toEqual({ critical: true, digitalSignature: true, keyCertSign: false, cRLSign: false });
    expect(own.basicConstraints).toEqual({ critical: true, ca: false });
    expect(parseCertificate(der(file('mid.pem'))).basicConstraints).toEqual({ critical: true, ca: true, pathLen: 0 });
    expect(parseCertificate(der(file('mid.pem'))).issuer).toEqual(parseCertificate(der(file('root.pem'))).subject);
  });

  test('the chain is accepted', () => {
    const chain = [der(file('leaf.pem')), der(file('mid.pem'))];
    expect(verifyPeer(chain, { trustBundle: [der(file('root.pem'))], trustDomain: 'prod.example.org', expectedId: ID, now: Date.now() }).identity.id).toBe(ID);
  });

  test('the files work as an identity', async () => {
    const files = { certFile: at(file('chain.pem')), keyFile: at(file('leaf.key')), caFile: at(file('root.pem')) };
    const material = await identityFilesSource(files).load();
    expect(material).toMatchObject({ id: ID, trustDomain: 'prod.example.org' });
    expect(material.chain).toHaveLength(2);
  });
});

test('a key in the older form of `openssl ecparam` works too', async () => {
  openssl('ec', '-in', 'P-256-leaf.key', '-out', 'sec1.key');
  expect(readFileSync(at('sec1.key'), 'utf8')).toContain('BEGIN EC PRIVATE KEY');
  const source = identityFilesSource({ certFile: at('P-256-chain.pem'), keyFile: at('sec1.key'), caFile: at('P-256-root.pem') });
  expect((await source.load()).id).toBe(ID);
});
