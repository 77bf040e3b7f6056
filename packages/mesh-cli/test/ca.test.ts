import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CertificateAuthority } from '@lemur-bookstores/mesh-ca';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { temporaryDirectory } from './support/logs.js';
import { run } from './support/run.js';

/** Where the clock of the tests stands. */
const NOW = Date.UTC(2026, 5, 1, 12);
const mode = (path: string): number => statSync(path).mode & 0o777;

async function made(...options: string[]): Promise<string> {
  const directory = join(temporaryDirectory(), 'ca');
  expect((await run(['ca', 'init', '--trust-domain', 'prod.example.org', '--dir', directory, ...options])).code).toBe(0);
  return directory;
}

const issue = (ca: string, dir: string, ...more: string[]): ReturnType<typeof run> => run(['ca', 'issue', 'order-service', '--ca', ca, '--dir', dir, ...more]);

describe('ca init', () => {
  test('makes a CA that only its owner can read, and says where and what next', async () => {
    const directory = join(temporaryDirectory(), 'deep', 'ca');
    const { code, lines, err } = await run(['ca', 'init', '--trust-domain', 'prod.example.org', '--dir', directory, '--valid-days', '10']);
    expect([code, err]).toEqual([0, '']);
    expect(lines[0]).toBe('CA of the trust domain prod.example.org, valid until 2026-06-11T12:00:00.000Z');
    expect(lines.slice(1, 3)).toEqual([expect.stringContaining(join(directory, 'ca.pem')), expect.stringContaining(join(directory, 'ca.key'))]);
    expect(lines.at(-1)).toBe(`Next: secure-stack-mesh ca issue <serviceId> --ca ${directory}`);
    expect([mode(directory), mode(join(directory, 'ca.pem')), mode(join(directory, 'ca.key'))]).toEqual([0o700, 0o600, 0o600]);
    expect(readdirSync(directory).sort()).toEqual(['ca.key', 'ca.pem']);
    const ca = CertificateAuthority.load({ certPem: readFileSync(join(directory, 'ca.pem')), keyPem: readFileSync(join(directory, 'ca.key')) });
    expect(ca.trustDomain).toBe('prod.example.org');
  });

  test('never replaces one, whole or half', async () => {
    const directory = await made();
    const before = readFileSync(join(directory, 'ca.key'), 'utf8');
    const again = await run(['ca', 'init', '--trust-domain', 'prod.example.org', '--dir', directory]);
    expect(again).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/there is '.*ca\.key' already/) });
    expect(readFileSync(join(directory, 'ca.key'), 'utf8')).toBe(before);
    const half = temporaryDirectory();
    writeFileSync(join(half, 'ca.pem'), 'x');
    expect(await run(['ca', 'init', '--trust-domain', 'prod.example.org', '--dir', half])).toMatchObject({ code: 2, err: expect.stringMatching(/there is '.*ca\.pem' already/) });
    expect(readdirSync(half)).toEqual(['ca.pem']);
  });

  test('not into a folder that others may write', async () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o770);
    expect(await run(['ca', 'init', '--trust-domain', 'prod.example.org', '--dir', directory])).toMatchObject({ code: 2, err: expect.stringContaining('others may write') });
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each<[string[], RegExp]>([
    [[], /required option '--trust-domain <domain>' not specified/],
    [['--trust-domain', 'Prod'], /trustDomain: 1 to 255 of a-z/],
    [['--trust-domain', 'prod', '--valid-days', '0'], /Give a whole number from 1 to 36500/],
    [['--trust-domain', 'prod', '--algorithm', 'rsa'], /Allowed choices are ed25519, p256/],
  ])('%j is refused', async (args, message) => {
    const directory = join(temporaryDirectory(), 'ca');
    expect(await run(['ca', 'init', '--dir', directory, ...args])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
    expect(existsSync(directory)).toBe(false);
  });
});

describe('ca issue', () => {
  test('makes key and certificate, and prints the option for them', async () => {
    const target = join(temporaryDirectory(), "it's", 'order-service');
    const { code, out, err } = await issue(await made(), target, '--ttl', '7d');
    expect([code, err]).toEqual([0, '']);
    const [, snippet] = /\nidentity: (\{[^}]*\}),\n/.exec(out) ?? [];
    const identity = new Function(`return (${snippet as string})`)() as Record<string, string>;
    expect(identity).toEqual({ certFile: join(target, 'cert.pem'), keyFile: join(target, 'key.pem'), caFile: join(target, 'ca.pem') });
    expect([mode(target), ...Object.values(identity).map(mode)]).toEqual([0o700, 0o600, 0o600, 0o600]);
    const certificate = new X509Certificate(readFileSync(join(target, 'cert.pem')));
    expect(certificate.subjectAltName).toBe('URI:spiffe://prod.example.org/order-service');
    expect(Date.parse(certificate.validTo)).toBe(NOW + 7 * 86_400_000);
    expect(out).toContain('spiffe://prod.example.org/order-service, valid until 2026-06-08T12:00:00.000Z');
    expect(out).not.toContain('PRIVATE KEY');
  });

  test('for 30 days unless it is told', async () => {
    const target = join(temporaryDirectory(), 'order-service');
    await issue(await made('--algorithm', 'p256'), target);
    expect(Date.parse(new X509Certificate(readFileSync(join(target, 'cert.pem'))).validTo)).toBe(NOW + 30 * 86_400_000);
  });

  test('replaces what was issued before only where it is told to', async () => {
    const [ca, target] = [await made(), join(temporaryDirectory(), 'order-service')];
    await issue(ca, target);
    const before = readFileSync(join(target, 'cert.pem'), 'utf8');
    expect(await issue(ca, target)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/there is '.*cert\.pem' already: --replace replaces it/) });
    expect(readFileSync(join(target, 'cert.pem'), 'utf8')).toBe(before);
    expect((await issue(ca, target, '--replace')).code).toBe(0);
    expect(readFileSync(join(target, 'cert.pem'), 'utf8')).not.toBe(before);
  });

  test('from another CA: those in its ca.pem that have not ended stay trusted, until it is told otherwise', async () => {
    const [old, next] = [await made(), await made()];
    const ended = CertificateAuthority.create({ trustDomain: 'prod.example.org', validDays: 1, clock: new FakeClock(NOW - 2 * 86_400_000) });
    const target = join(temporaryDirectory(), 'order-service');
    const pemOf = (ca: string): string => readFileSync(join(ca, 'ca.pem'), 'utf8');
    const trusted = (): string[] => (readFileSync(join(target, 'ca.pem'), 'utf8').match(/-----BEGIN[^]+?END CERTIFICATE-----/g) ?? []).map((pem) => `${pem}\n`);
    await issue(old, target);
    writeFileSync(join(target, 'ca.pem'), `the old one, and one that has ended\n${pemOf(old)}${ended.certPem}${pemOf(old)}`);
    const replaced = await issue(next, target, '--replace');
    expect(replaced.out).toContain('ca.pem trusts 1 other CA(s) still');
    expect(trusted()).toEqual([pemOf(next), pemOf(old)]);
    expect((await issue(next, target, '--replace')).code).toBe(0);
    expect(trusted()).toEqual([pemOf(next), pemOf(old)]);
    expect((await issue(next, target, '--replace', '--drop-other-cas')).out).not.toContain('other CA');
    expect(trusted()).toEqual([pemOf(next)]);
  });

  test('what it trusts as well cannot be read: nothing is replaced', async () => {
    const [ca, target] = [await made(), join(temporaryDirectory(), 'order-service')];
    await issue(ca, target);
    const before = readFileSync(join(target, 'cert.pem'), 'utf8');
    writeFileSync(join(target, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    expect(await issue(ca, target, '--replace')).toMatchObject({ code: 2, err: expect.stringMatching(/holds a certificate that cannot be read/) });
    expect(readFileSync(join(target, 'cert.pem'), 'utf8')).toBe(before);
  });

  test.each<[string, (ca: string) => string[], RegExp]>([
    ['an id that would lead elsewhere', (ca) => ['../../etc', '--ca', ca], /serviceId: 1 to 63 letters/],
    ['a life that is too short', (ca) => ['x', '--ca', ca, '--ttl', '30s'], /Give at least 1m/],
    ['a life that is none', (ca) => ['x', '--ca', ca, '--ttl', 'soon'], /Give a number and s, m, h, d or w/],
    ['a CA that is not there', (ca) => ['x', '--ca', join(ca, 'none')], /there is no CA .*'secure-stack-mesh ca init' makes one/],
    ['a key that others can read', (ca) => (chmodSync(join(ca, 'ca.key'), 0o640), ['x', '--ca', ca]), /ca\.key' is open to others/],
    ['a certificate that is none', (ca) => (writeFileSync(join(ca, 'ca.pem'), 'x'), ['x', '--ca', ca]), /the CA needs a PEM certificate/],
    ['a file that is no PEM', (ca) => (writeFileSync(join(ca, 'ca.pem'), 'x'.repeat(70_000)), ['x', '--ca', ca]), /that is no PEM file of a CA/],
    ['a folder in the place of a file', (ca) => (mkdirSync(join(ca, 'other', 'ca.pem'), { recursive: true }), ['x', '--ca', join(ca, 'other')]), /is a folder|EISDIR/],
  ])('%s is refused', async (_what, args, message) => {
    const target = join(temporaryDirectory(), 'target');
    expect(await run(['ca', 'issue', '--dir', target, ...args(await made())])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
    expect(existsSync(target)).toBe(false);
  });
});
