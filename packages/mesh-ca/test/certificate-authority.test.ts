import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import { CertificateAuthority, type IssueRequest, type KeyAlgorithm } from '../src/certificate-authority.js';
import { OpensslFolder } from './support/openssl.js';

const DAY_MS = 86_400_000;
const TRUST_DOMAIN = 'prod.example.org';
const openssl = new OpensslFolder();
afterAll(() => openssl.remove());

function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return MeshError.is(error) ? error.reason : String(error);
  }
  return 'none';
}

describe.each<[KeyAlgorithm]>([['ed25519'], ['p256']])('%s', (algorithm) => {
  const ca = CertificateAuthority.create({ trustDomain: TRUST_DOMAIN, algorithm });
  const issued = ca.issue({ serviceId: 'order-service' });
  const leaf = new X509Certificate(issued.certPem);

  test('openssl verifies the chain, for a client and a server, by the strict rules', () => {
    openssl.write('ca.pem', issued.caPem);
    openssl.write('leaf.pem', issued.certPem);
    for (const purpose of ['sslclient', 'sslserver']) {
      expect(openssl.run('verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'ca.pem', 'leaf.pem')).toBe('leaf.pem: OK\n');
    }
  });

  test('openssl does not verify it with another CA of the same name', () => {
    openssl.write('other.pem', CertificateAuthority.create({ trustDomain: TRUST_DOMAIN, algorithm }).certPem);
    openssl.write('leaf.pem', issued.certPem);
    expect(() => openssl.run('verify', '-CAfile', 'other.pem', 'leaf.pem')).toThrow(/verification failed/);
  });

  test('openssl shows exactly the SPIFFE profile', () => {
    openssl.write('leaf.pem', issued.certPem);
    openssl.write('ca.pem', ca.certPem);
    const extensions = (file: string): string[] => {
      const lines = openssl.run('x509', '-in', file, '-noout', '-ext', 'basicConstraints,keyUsage,extendedKeyUsage,subjectAltName').split('\n');
      return lines.map((line) => line.trim().replace(/^X509v3 /, '')).filter((line) => line !== '');
    };
    expect(extensions('leaf.pem')).toEqual([
      'Basic Constraints: critical', 'CA:FALSE',
      'Key Usage: critical', 'Digital Signature',
      'Extended Key Usage:', 'TLS Web Server Authentication, TLS Web Client Authentication',
      'Subject Alternative Name: critical', `URI:spiffe://${TRUST_DOMAIN}/order-service`,
    ]);
    expect(extensions('ca.pem')).toEqual([
      'Basic Constraints: critical', 'CA:TRUE',
      'Key Usage: critical', 'Certificate Sign, CRL Sign',
      'Subject Alternative Name:', `URI:spiffe://${TRUST_DOMAIN}`,
    ]);
    expect(openssl.run('x509', '-in', 'ca.pem', '-noout', '-subject', '-nameopt', 'RFC2253')).toBe(`subject=CN=${TRUST_DOMAIN}\n`);
  });

  test('Node reads it, and the CA signed it', () => {
    const root = new X509Certificate(issued.caPem);
    expect(leaf.checkIssued(root) && leaf.verify(root.publicKey)).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.subjectAltName).toBe(`URI:spiffe://${TRUST_DOMAIN}/order-service`);
    expect(leaf.checkPrivateKey(createPrivateKey(issued.keyPem ?? ''))).toBe(true);
    expect(leaf.publicKey.asymmetricKeyType).toBe(algorithm === 'p256' ? 'ec' : 'ed25519');
  });

  test('a CA that was kept and loaded issues under the same key', () => {
    const again = CertificateAuthority.load({ certPem: ca.certPem, keyPem: ca.keyPem });
    expect(again.trustDomain).toBe(TRUST_DOMAIN);
    expect(again.certificate).toEqual(ca.certificate);
    expect(new X509Certificate(again.issue({ serviceId: 'x' }).certPem).verify(new X509Certificate(ca.certPem).publicKey)).toBe(true);
  });

  test('a CA that openssl made, with an intermediate under it, issues too', () => {
    const key = algorithm === 'p256' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['-newkey', 'ed25519'];
    openssl.run('req', '-x509', '-nodes', ...key, '-keyout', 'r.key', '-out', 'r.pem', '-days', '9', '-subj', '/C=DE/O=Ümlaut/CN=root', '-utf8', '-addext', 'keyUsage=critical,keyCertSign');
    openssl.run('req', '-new', '-nodes', ...key, '-keyout', 'i.key', '-out', 'i.csr', '-subj', '/CN=issuing');
    openssl.write('i.ext', 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n');
    openssl.run('x509', '-req', '-in', 'i.csr', '-CA', 'r.pem', '-CAkey', 'r.key', '-CAcreateserial', '-days', '9', '-extfile', 'i.ext', '-out', 'i.pem');
    for (const name of ['r', 'i']) {
      const [certPem, keyPem] = [`${name}.pem`, `${name}.key`].map((file) => readFileSync(`${openssl.path}/${file}`));
      const load = { certPem: certPem!, keyPem: keyPem! };
      expect(() => CertificateAuthority.load(load)).toThrow(/^invalid_option: trustDomain: needed/);
      const { certPem: chain } = CertificateAuthority.load({ ...load, trustDomain: TRUST_DOMAIN }).issue({ serviceId: 'x' });
      expect(chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(name === 'r' ? 1 : 2);
      openssl.write('chain.pem', chain);
      expect(openssl.run('verify', '-x509_strict', '-CAfile', 'r.pem', '-untrusted', 'chain.pem', 'chain.pem')).toBe('chain.pem: OK\n');
    }
  });

  test("a service's own public key is certified, and no private key comes back", () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const key of [publicKey, publicKey.export({ type: 'spki', format: 'pem' }).toString()]) {
      const signed = ca.issue({ serviceId: 'x', publicKey: key });
      expect(signed.keyPem).toBeUndefined();
      const data = Buffer.from('proof');
      expect(verify('sha256', data, createPublicKey(signed.certPem), sign('sha256', data, privateKey))).toBe(true);
    }
  });
});

const ca = CertificateAuthority.create({ trustDomain: TRUST_DOMAIN });

describe('dates and serial numbers', () => {
  test('from a minute before, for 24 hours or as asked, never beyond the end of the CA', () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 1));
    const short = CertificateAuthority.create({ trustDomain: TRUST_DOMAIN, validDays: 2, clock });
    const dates = (request: Partial<IssueRequest> = {}): number[] => {
      const { certPem, notAfter } = short.issue({ serviceId: 'x', ...request } as IssueRequest);
      const { validFrom, validTo } = new X509Certificate(certPem);
      expect(Date.parse(validTo)).toBe(notAfter);
      return [Date.parse(validFrom) - clock.now(), Date.parse(validTo) - clock.now()];
    };
    expect(dates()).toEqual([-60_000, DAY_MS]);
    expect(dates({ ttlMs: 3_600_000 })).toEqual([-60_000, 3_600_000]);
    expect(dates({ ttlMs: 10 * DAY_MS })).toEqual([-60_000, 2 * DAY_MS]);
    clock.jump(2 * DAY_MS + 1);
    expect(() => short.issue({ serviceId: 'x' })).toThrow(/^identity_invalid: the CA expired at 2026-01-03T00:00:00/);
  });

  test('a CA that ends after 2049 is dated as RFC 5280 has it', () => {
    const long = CertificateAuthority.create({ trustDomain: TRUST_DOMAIN, validDays: 36_500 });
    openssl.write('long.pem', long.certPem);
    expect(openssl.run('asn1parse', '-in', 'long.pem')).toMatch(/UTCTIME[^]*GENERALIZEDTIME +:21\d{12}Z/);
    expect(openssl.run('verify', '-x509_strict', '-CAfile', 'long.pem', 'long.pem')).toBe('long.pem: OK\n');
  });

  test('1,000 serial numbers: 16 bytes, positive, all different', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const serials = Array.from({ length: 1000 }, () => new X509Certificate(ca.issue({ serviceId: 'x', publicKey }).certPem).serialNumber);
    expect(new Set(serials).size).toBe(1000);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });
});

describe('what is refused', () => {
  test.each<[string, IssueRequest]>([
    ['an empty id', { serviceId: '' }],
    ['a slash in the id', { serviceId: 'a/b' }],
    ['an id that begins with a dot', { serviceId: '.a' }],
    ['an id of 64 characters', { serviceId: 'a'.repeat(64) }],
    ['another trust domain', { spiffeId: 'spiffe://other.example/a' }],
    ['a trust domain that begins with ours', { spiffeId: `spiffe://${TRUST_DOMAIN}.evil/a` }],
    ['no path', { spiffeId: `spiffe://${TRUST_DOMAIN}` }],
    ['an empty path', { spiffeId: `spiffe://${TRUST_DOMAIN}/` }],
    ['an empty segment', { spiffeId: `spiffe://${TRUST_DOMAIN}/a//b` }],
    ['dots', { spiffeId: `spiffe://${TRUST_DOMAIN}/a/../b` }],
    ['dots at the end', { spiffeId: `spiffe://${TRUST_DOMAIN}/a/..` }],
    ['a slash at the end', { spiffeId: `spiffe://${TRUST_DOMAIN}/a/` }],
    ['a newline', { spiffeId: `spiffe://${TRUST_DOMAIN}/a\n` }],
    ['2,049 bytes', { spiffeId: `spiffe://${TRUST_DOMAIN}/${'a'.repeat(2024)}` }],
    ['a life of a second', { serviceId: 'a', ttlMs: 1000 }],
    ['a life of NaN', { serviceId: 'a', ttlMs: Number.NaN }],
    ['an RSA key', { serviceId: 'a', publicKey: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey }],
    ['a P-384 key', { serviceId: 'a', publicKey: generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey }],
    ['a private key for a public one', { serviceId: 'a', publicKey: generateKeyPairSync('ed25519').privateKey }],
    ['text for a key', { serviceId: 'a', publicKey: 'x' }],
  ])('%s', (_what, request) => expect(reasonOf(() => ca.issue(request))).toBe('invalid_option'));

  test('dots inside a segment are a name like any other', () => {
    expect(ca.issue({ spiffeId: `spiffe://${TRUST_DOMAIN}/a/..b/.c/d..` }).id).toMatch(/d\.\.$/);
  });

  test.each([{ trustDomain: '' }, { trustDomain: 'A.b' }, { trustDomain: 'a/b' }, { trustDomain: 'a', validDays: 0 }, { trustDomain: 'a', validDays: Infinity }])('%j', (options) =>
    expect(reasonOf(() => CertificateAuthority.create(options))).toBe('invalid_option'),
  );

  const other = CertificateAuthority.create({ trustDomain: TRUST_DOMAIN, algorithm: 'p256' });
  const leaf = ca.issue({ serviceId: 'a' });
  test.each([
    ['nothing', { certPem: '', keyPem: '' }],
    ["another CA's key", { certPem: ca.certPem, keyPem: other.keyPem }],
    ['a leaf', { certPem: leaf.certPem, keyPem: leaf.keyPem ?? '' }],
    ['another trust domain', { certPem: ca.certPem, keyPem: ca.keyPem, trustDomain: 'other.example' }],
  ])('to load %s', (_what, pems) => {
    expect(reasonOf(() => CertificateAuthority.load(pems))).toBe('identity_invalid');
    // Nothing is left in OpenSSL's error queue for the next one.
    expect(reasonOf(() => createPrivateKey(other.keyPem))).toBe('none');
  });
});

test('no key is shown by JSON, console.log or an error', () => {
  const issued = ca.issue({ serviceId: 'a' });
  const secrets = [ca.keyPem, issued.keyPem ?? ''].map((pem) => pem.split('\n')[1]!);
  for (const value of [ca, issued]) {
    const shown = JSON.stringify(value) + inspect(value, { depth: 9, showHidden: true }) + JSON.stringify({ ...value });
    for (const secret of secrets) expect(shown).not.toContain(secret);
  }
});
