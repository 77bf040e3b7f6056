import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger, type IdentityFiles, type IdentityMaterial, type Logger } from '@lemur-bookstores/mesh-interface';
import { CryptoManager } from '../../src/crypto-manager.js';
import { identityFilesSource, type IdentityFilesOptions } from '../../src/identity/identity-files.js';
import { ed25519Keys, HOUR, leafWith, make, makeCa, NOW, p256Keys, san, uri, type Made } from '../support/certificate-maker.js';

const root = makeCa('root');
const first = make({}, root);
const second = make({ keys: p256Keys() }, root);
const certPem = (...made: Made[]): string => made.map(({ der }) => new X509Certificate(der).toString()).join('');
const keyPem = ({ keys }: Made): string => keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

let folder: string;
let files: IdentityFiles;
let clock: FakeClock;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-identity-'));
  files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem'), caFile: join(folder, 'ca.pem') };
  clock = new FakeClock(NOW);
  await write(first);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(leaf: Made, ca = certPem(root)): Promise<void> {
  await replace(files.caFile, ca);
  await replace(files.keyFile, keyPem(leaf));
  await replace(files.certFile, certPem(leaf));
}
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
const load = (options: IdentityFilesOptions = {}): Promise<IdentityMaterial> => identityFilesSource(files, { clock, logger: silentLogger, ...options }).load();

describe('load', () => {
  test('takes the three', async () => {
    const material = await load();
    expect(material).toMatchObject({ id: 'spiffe://prod.example.org/orders', trustDomain: 'prod.example.org', chain: [first.der], trustBundle: [root.der] });
    expect(material.privateKey.equals(first.keys.privateKey)).toBe(true);
  });

  test('text around the PEM blocks, several CAs, a chain with its root', async () => {
    await replace(files.caFile, `Certificate:\n  Data:\n${certPem(makeCa('other'))}\n# the next one\n${certPem(root)}`);
    await replace(files.certFile, certPem(first, root));
    expect((await load()).trustBundle).toHaveLength(2);
  });

  test.each(['certFile', 'keyFile', 'caFile'] as const)('a missing %s is named', async (option) => {
    await unlink(files[option]);
    await expect(load()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'identity_unreadable' });
    await expect(load()).rejects.toThrow(`identity_unreadable: identity.${option} '${files[option]}' cannot be read (ENOENT): it must be there`);
  });

  const damaged: [string, () => Promise<void>, RegExp][] = [
    ['an empty certificate', () => replace(files.certFile, ''), /identity\.certFile '.*': there is no "-----BEGIN CERTIFICATE-----"/],
    ['a damaged block', () => replace(files.certFile, certPem(first).replace(/\n.{5}/, '\n!!!!!')), /identity\.certFile '.*': a PEM block .* damaged/],
    ['a block that never ends', () => replace(files.caFile, certPem(root).replace(/-----END.*/, '')), /identity\.caFile '.*': a PEM block/],
    ['a certificate that is none', () => replace(files.certFile, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'), /identity\.certFile '.*': certificate_invalid/],
    ['a CA that is none', () => replace(files.caFile, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'), /identity\.caFile '.*': certificate_invalid/],
    ['65 CAs', () => replace(files.caFile, certPem(root).repeat(65)), /identity\.caFile '.*': there are 65 certificates/],
    ['a key that is none', () => replace(files.keyFile, 'secret'), /identity\.keyFile '.*': not an unencrypted PEM private key/],
    ['an encrypted key', () => replace(files.keyFile, first.keys.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString()), /identity\.keyFile '.*': not an unencrypted/],
    ["another service's key", () => replace(files.keyFile, keyPem(second)), /identity\.certFile '.*': keyFile '.*' holds another key/],
    ['another key of the same kind', () => replace(files.keyFile, keyPem({ ...first, keys: ed25519Keys() })), /holds another key/],
    ['another CA', () => replace(files.caFile, certPem(makeCa('root'))), /identity\.certFile '.*': peer_untrusted: no CA of the own trust domain/],
    ['an expired certificate', () => write(make({ notAfter: NOW - HOUR / 2 }, root)), /identity\.certFile '.*': certificate_expired/],
    ['a future certificate', () => write(make({ notBefore: NOW + HOUR / 2 }, root)), /identity\.certFile '.*': certificate_not_yet_valid/],
    ['a certificate without SPIFFE id', () => write(make({ extensions: leafWith(san(true, uri('https://x'))) }, root)), /identity\.certFile '.*': certificate_invalid: not a SPIFFE id/],
  ];
  test.each(damaged)('%s: identity_invalid, naming the file', async (_what, damage, text) => {
    await damage();
    await expect(load()).rejects.toMatchObject({ reason: 'identity_invalid' });
    await expect(load()).rejects.toThrow(text);
  });

  test('regression: clocks may differ by clockSkewMs for the own certificate too, at the load and in the watch', async () => {
    const early = make({ notBefore: NOW + 61_000 }, root);
    await write(early);
    await expect(load()).rejects.toThrow(/certificate_not_yet_valid/);
    expect((await load({ clockSkewMs: 61_000 })).chain).toEqual([early.der]);
    const crypto = new CryptoManager({ serviceId: 'orders', identity: files, clock, logger: silentLogger, clockSkewMs: 61_000 });
    await crypto.load();
    expect(crypto.id).toBe('spiffe://prod.example.org/orders');
    crypto.close();
    await write(first);
    await expect(load({ clockSkewMs: 0 })).resolves.toBeDefined();
    clock.jump(HOUR + 1);
    await expect(load({ clockSkewMs: 0 })).rejects.toThrow(/certificate_expired/);
  });

  test('no error shows what is in the key file', async () => {
    await replace(files.keyFile, 'CANARY-5f1d');
    const error: unknown = await load().catch((cause: unknown) => cause);
    for (let at = error; at instanceof Error; at = at.cause) expect(`${at.message} ${at.stack ?? ''} ${JSON.stringify(at)}`).not.toContain('CANARY');
    expect(error).toBeInstanceOf(Error);
  });

  test('neither a folder nor a file of 2 MiB is read', async () => {
    await unlink(files.certFile);
    await mkdir(files.certFile);
    await expect(load()).rejects.toThrow(/certFile .* cannot be read \(not a regular file\)/);
    await replace(files.keyFile, 'x'.repeat(2 * 1024 * 1024));
    await rm(files.certFile, { recursive: true });
    await replace(files.certFile, certPem(first));
    await expect(load()).rejects.toThrow(/keyFile .* cannot be read \(longer than/);
  });

  test.each([0o644, 0o640, 0o604])('a key of mode %o is one warning', async (mode) => {
    await chmod(files.keyFile, mode);
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (message, fields) => warnings.push(`${message} ${JSON.stringify(fields)}`) };
    const source = identityFilesSource(files, { clock, logger });
    await source.load();
    await source.load();
    expect(warnings).toEqual([expect.stringContaining(files.keyFile)]);
  });
});

describe('watch', () => {
  /** Nothing but events of the file system make it look. */
  const NO_POLL = { pollMs: 1e9 };
  let stop: (() => void) | undefined;
  let seen: string[];
  afterEach(() => stop?.());

  async function start(options: IdentityFilesOptions = {}): Promise<void> {
    const source = identityFilesSource(files, { clock, logger: silentLogger, ...options });
    await source.load();
    seen = [];
    stop = source.watch?.(
      ({ chain }) => seen.push(second.der.equals(chain[0]!) ? 'second' : 'other'),
      (error) => seen.push(error.message),
    );
  }

  /** Moves the clock on, second by second, while files are read for real, until so many things were reported. */
  async function untilSeen(count: number): Promise<void> {
    const givenUpAt = performance.now() + 5_000;
    while (seen.length < count) {
      if (performance.now() > givenUpAt) throw new Error(`only ${JSON.stringify(seen)} in 5 s`);
      await clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  test('a new set is taken, once', async () => {
    await start();
    await write(second);
    await untilSeen(1);
    await clock.advance(60_000);
    await write(first);
    await untilSeen(2);
    expect(seen).toEqual(['second', 'other']);
  });

  test('a broken one is reported once, the last good one stays, and the next good one is taken', async () => {
    await start();
    await replace(files.certFile, certPem(second));
    await untilSeen(1);
    for (let poll = 0; poll < 5; poll++) await clock.advance(30_000);
    await unlink(files.caFile);
    await untilSeen(2);
    await write(second);
    await untilSeen(3);
    expect(seen).toEqual([
      expect.stringMatching(/^identity_invalid: .* holds another key/),
      expect.stringMatching(/^identity_unreadable: identity\.caFile .*ENOENT/),
      'second',
    ]);
  });

  test('trouble that is over within a second is none', async () => {
    await start();
    await replace(files.certFile, certPem(second));
    await clock.advance(30_000);
    // The look armed a timer for its second opinion, beside that of the poll.
    while (clock.pendingTimers < 2) await new Promise((resolve) => setImmediate(resolve));
    await replace(files.keyFile, keyPem(second));
    await untilSeen(1);
    expect(seen).toEqual(['second']);
  });

  test('trouble that comes back is told again', async () => {
    await start();
    await replace(files.keyFile, keyPem(second));
    await untilSeen(1);
    await replace(files.certFile, certPem(second));
    await untilSeen(2);
    await replace(files.keyFile, keyPem(first));
    await untilSeen(3);
    await replace(files.certFile, certPem(first));
    await untilSeen(4);
    await replace(files.keyFile, keyPem(second));
    await untilSeen(5);
    const other = expect.stringMatching(/another key/);
    expect(seen).toEqual([other, 'second', other, 'other', other]);
  });

  test('regression: a new set within clockSkewMs is taken', async () => {
    await start({ clockSkewMs: 2 * HOUR });
    await write(make({ notBefore: NOW + 1.5 * HOUR, notAfter: NOW + 3 * HOUR }, root));
    await untilSeen(1);
    expect(seen).toEqual(['other']);
  });

  test('another id is refused', async () => {
    await start();
    await write(make({ extensions: leafWith(san(true, uri('spiffe://prod.example.org/payments'))) }, root));
    await untilSeen(1);
    expect(seen).toEqual([expect.stringMatching(/^identity_invalid: the files now hold spiffe:\/\/prod.example.org\/payments, this service is .*\/orders/)]);
  });

  test('a changed bundle alone is a change', async () => {
    await start();
    await replace(files.caFile, certPem(root, makeCa('next')));
    await untilSeen(1);
    expect(seen).toEqual(['other']);
  });

  test('the swap of a symlink, as Kubernetes does it, is an event', async () => {
    await rm(folder, { recursive: true });
    await mkdir(folder);
    for (const [version, leaf] of [['..1', first], ['..2', second]] as const) {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'cert.pem'), certPem(leaf));
      await writeFile(join(folder, version, 'key.pem'), keyPem(leaf));
      await writeFile(join(folder, version, 'ca.pem'), certPem(root));
    }
    await symlink('..1', join(folder, '..data'));
    for (const file of ['cert.pem', 'key.pem', 'ca.pem']) await symlink(join('..data', file), join(folder, file));
    await start(NO_POLL);
    await symlink('..2', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    await untilSeen(1);
    expect(seen).toEqual(['second']);
  });

  test('what no event tells, the poll finds: files behind links to another folder', async () => {
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(elsewhere);
    for (const file of ['cert.pem', 'key.pem', 'ca.pem']) {
      await rename(join(folder, file), join(elsewhere, file));
      await symlink(join('elsewhere', file), join(folder, file));
    }
    await start();
    for (const [file, text] of [['key.pem', keyPem(second)], ['cert.pem', certPem(second)]] as const) await replace(join(elsewhere, file), text);
    await untilSeen(1);
    expect(seen).toEqual(['second']);
  });

  test('a folder that vanishes and comes back', async () => {
    await start();
    await rm(folder, { recursive: true });
    await untilSeen(1);
    await mkdir(folder);
    await write(second);
    await untilSeen(2);
    expect(seen).toEqual([expect.stringMatching(/^identity_unreadable/), 'second']);
  });

  test('what a listener throws is logged and harms nothing', async () => {
    const errors: string[] = [];
    const source = identityFilesSource(files, { clock, logger: { ...silentLogger, error: (message) => errors.push(message) } });
    await source.load();
    seen = [];
    stop = source.watch?.(
      () => {
        seen.push('called');
        throw new Error('mine');
      },
      () => seen.push('error'),
    );
    await write(second);
    await untilSeen(1);
    await write(first);
    await untilSeen(2);
    expect(seen).toEqual(['called', 'called']);
    expect(errors).toHaveLength(2);
  });

  test('regression: what an async listener rejects with is logged, and no unhandled rejection', async () => {
    const errors: unknown[] = [];
    const source = identityFilesSource(files, { clock, logger: { ...silentLogger, error: (_message, fields) => errors.push(fields) } });
    await source.load();
    seen = [];
    // An unhandled rejection would end the test's process.
    const rejecting = async (): Promise<void> => {
      seen.push('called');
      await Promise.resolve();
      throw new Error('late');
    };
    stop = source.watch?.(rejecting, rejecting);
    await write(second);
    await untilSeen(1);
    await unlink(files.caFile);
    await untilSeen(2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toEqual([{ error: 'late' }, { error: 'late' }]);
  });

  test('nothing is reported after the stop, and no timer is left', async () => {
    await start();
    await write(second);
    const advancing = clock.advance(30_000);
    stop?.();
    await advancing;
    await clock.advance(60_000);
    expect(seen).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a watch keeps no process alive', () => {
    const dist = new URL('../../dist/index.js', import.meta.url).href;
    const script = `import { identityFilesSource } from ${JSON.stringify(dist)};
      identityFilesSource(${JSON.stringify(files)}).watch(() => {}, () => {});`;
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 10_000, stdio: 'pipe' });
  });
});
