import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { chmod, chown, link, mkdir, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger, type IdentityMaterial } from '@lemur-bookstores/mesh-interface';
import { CertificateAuthority } from '../src/certificate-authority.js';
import { localTrustDomain, type LocalTrustDomain } from '../src/local-trust-domain.js';
import { OpensslFolder } from './support/openssl.js';

const HOUR = 3_600_000;
const folder = new OpensslFolder();
afterAll(() => folder.remove());

let keysDir: string;
let caFile: string;
let clock: FakeClock;
let count = 0;
beforeEach(() => {
  keysDir = join(folder.path, `keys-${count++}`);
  caFile = join(keysDir, 'local-ca.pem');
  clock = new FakeClock(Date.UTC(2026, 5, 15));
});

const domain = (serviceId = 'orders'): LocalTrustDomain => localTrustDomain({ serviceId, keysDir, clock, logger: silentLogger });
const leafOf = ({ chain }: IdentityMaterial): X509Certificate => new X509Certificate(chain[0]!);

describe('load', () => {
  test('makes the CA once, for the own user alone', async () => {
    const [first, second] = [domain(), domain('payments')];
    expect(first.trustDomain).toBeUndefined();
    const [a, b] = [await first.load(), await second.load()];
    expect(a.trustBundle).toEqual(b.trustBundle);
    expect(await readdir(keysDir)).toEqual(['local-ca.pem']);
    expect(statSync(keysDir).mode & 0o777).toBe(0o700);
    expect(statSync(caFile).mode & 0o777).toBe(0o600);
    const spki = new X509Certificate(a.trustBundle[0]!).publicKey.export({ type: 'spki', format: 'der' });
    expect(first.trustDomain).toBe(`local-${createHash('sha256').update(spki).digest('hex').slice(0, 16)}`);
    expect([a.id, b.id]).toEqual([`spiffe://${first.trustDomain}/orders`, `spiffe://${first.trustDomain}/payments`]);
    expect(first.local).toBe(true);
  });

  test('the leaf: its key in memory only, valid for 24 hours from a minute ago; the CA: for 10 years', async () => {
    const material = await domain().load();
    const leaf = leafOf(material);
    expect([Date.parse(leaf.validFrom) - clock.now(), Date.parse(leaf.validTo) - clock.now()]).toEqual([-60_000, 24 * HOUR]);
    expect(Date.parse(new X509Certificate(material.trustBundle[0]!).validTo) - clock.now()).toBe(3650 * 24 * HOUR);
    expect(leaf.checkPrivateKey(material.privateKey)).toBe(true);
    expect(new X509Certificate(readFileSync(caFile)).checkPrivateKey(material.privateKey)).toBe(false);
    expect((await domain().load()).privateKey.equals(material.privateKey)).toBe(false);
  });

  test('openssl verifies the chain', async () => {
    clock.jump(Date.now() - clock.now());
    const material = await domain().load();
    folder.write('leaf.pem', leafOf(material).toString());
    expect(folder.run('verify', '-x509_strict', '-CAfile', caFile, 'leaf.pem')).toBe('leaf.pem: OK\n');
  });

  test('loading twice gives the same', async () => {
    const one = domain();
    expect(await one.load()).toBe(await one.load());
  });

  test.each(['', '-a', 'a/b', 'a'.repeat(64), '../x'])('the service id %j: invalid_option, before any file is touched', (serviceId) => {
    expect(() => domain(serviceId)).toThrow(/^invalid_option: serviceId: /);
  });
});

describe('a race', () => {
  const children: ChildProcess[] = [];
  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  // From the built package: a child of Jest's cannot read TypeScript.
  const script = `
    const { localTrustDomain } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)});
    process.stdout.write('ready\\n');
    process.stdin.once('data', async (keysDir) => {
      const { id, trustBundle } = await localTrustDomain({ serviceId: 'x', keysDir: keysDir.toString().trim() }).load();
      process.stdout.write(id + ' ' + Buffer.from(trustBundle[0]).toString('base64') + '\\n', () => process.exit());
    });`;

  test('8 processes that start at once end with the same CA', async () => {
    const answers = Array.from({ length: 8 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
      children.push(child);
      await once(child.stdout, 'data');
      return child;
    });
    const ready = await Promise.all(answers);
    const results = await Promise.all(
      ready.map(async (child) => {
        const lines: Buffer[] = [];
        child.stdout.on('data', (data: Buffer) => lines.push(data));
        child.stdin.write(`${keysDir}\n`);
        await once(child, 'close');
        return Buffer.concat(lines).toString();
      }),
    );
    expect(new Set(results).size).toBe(1);
    expect(results[0]).toMatch(/^spiffe:\/\/local-[0-9a-f]{16}\/x \S{200,}\n$/);
    expect(await readdir(keysDir)).toEqual(['local-ca.pem']);
  }, 20_000);

  test('50 in one process, 20 times', async () => {
    for (let round = 0; round < 20; round++) {
      await rm(keysDir, { recursive: true, force: true });
      const all = await Promise.all(Array.from({ length: 50 }, () => domain().load()));
      expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    }
  });
});

describe('an unsafe folder', () => {
  const refusal = async (): Promise<string> => {
    const error: unknown = await domain().load().catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'keys_dir_unsafe' });
    return (error as Error).message;
  };

  test.each([0o755, 0o750, 0o710, 0o701, 0o777])('of mode %o is refused, with what to do', async (mode) => {
    await mkdir(keysDir);
    await chmod(keysDir, mode);
    expect(await refusal()).toBe(
      `keys_dir_unsafe: '${keysDir}' has mode 0${mode.toString(8)}: others have access to it. Make sure that nobody used it, then: chmod 700 ${keysDir}`,
    );
    expect(await readdir(keysDir)).toEqual([]);
  });

  test('once mended, the same object loads', async () => {
    await mkdir(keysDir);
    await chmod(keysDir, 0o755);
    const one = domain();
    await expect(one.load()).rejects.toThrow(/chmod 700/);
    await chmod(keysDir, 0o700);
    expect((await one.load()).trustDomain).toMatch(/^local-/);
  });

  test.each([0o644, 0o640, 0o604, 0o660])('a CA file of mode %o is refused', async (mode) => {
    await domain().load();
    await chmod(caFile, mode);
    expect(await refusal()).toMatch(new RegExp(`'${caFile}' has mode 0${mode.toString(8)}: .*: chmod 600 ${caFile}$`));
  });

  test('symbolic links are refused, as folder and as file', async () => {
    await domain().load();
    const real = keysDir;
    keysDir = `${real}-link`;
    await symlink(real, keysDir);
    expect(await refusal()).toMatch(/is a symbolic link/);
    keysDir = real;
    await rename(caFile, join(real, 'elsewhere.pem'));
    await symlink('elsewhere.pem', caFile);
    expect(await refusal()).toMatch(/local-ca\.pem' is a symbolic link/);
  });

  test.each(['/', '//', '/.', '/../link/'])('regression: a symbolic link is refused with %j after it too', async (ending) => {
    await mkdir(join(keysDir, 'real'), { recursive: true, mode: 0o700 });
    const link = join(keysDir, 'link');
    await symlink('real', link);
    keysDir = link + ending;
    expect(await refusal()).toBe(`keys_dir_unsafe: '${link}' is a symbolic link: it must be a folder itself`);
    expect(await readdir(link)).toEqual([]);
  });

  test.each([0o777, 0o772, 0o707])('regression: in a folder of mode %o, which all may write, it is refused', async (mode) => {
    const parent = keysDir;
    keysDir = join(parent, 'keys');
    await mkdir(keysDir, { recursive: true, mode: 0o700 });
    await chmod(parent, mode);
    expect(await refusal()).toBe(
      `keys_dir_unsafe: '${parent}' can be written by all, and so the keys in it be replaced: chmod o-w ${parent}, or chmod +t as /tmp has it`,
    );
    expect(await readdir(keysDir)).toEqual([]);
    await chmod(parent, 0o1000 | mode);
    expect((await domain().load()).trustDomain).toMatch(/^local-/);
  });

  test("another user's is refused", async () => {
    if (process.getuid?.() !== 0) return;
    await domain().load();
    await chown(caFile, 4242, 4242);
    expect(await refusal()).toMatch(/local-ca\.pem' belongs to uid 4242, this process runs as 0/);
    await chown(keysDir, 4242, 4242);
    expect(await refusal()).toMatch(/keys-\d+' belongs to uid 4242/);
  });

  test('a file in its place, a folder in the place of the CA, one that cannot be made', async () => {
    await writeFile(keysDir, '', { mode: 0o600 });
    expect(await refusal()).toMatch(/cannot be made \(EEXIST\): set MESH_KEYS_DIR or paths\.keysDir/);
    keysDir = join(keysDir, 'below');
    expect(await refusal()).toMatch(/cannot be made \(ENOTDIR\)/);
    keysDir = join(folder.path, `keys-${count++}`);
    await mkdir(join(keysDir, 'local-ca.pem'), { recursive: true, mode: 0o700 });
    expect(await refusal()).toMatch(/is not a small regular file/);
  });
});

describe('a broken CA', () => {
  const other = CertificateAuthority.create({ trustDomain: 'local-0123456789abcdef' });
  const contents: [string, (good: string) => string, RegExp][] = [
    ['is empty', () => '', /the CA needs a PEM certificate/],
    ['is cut off', (good) => good.slice(0, 500), /the CA needs a PEM certificate/],
    ['is damaged', (good) => good.replace(/\n.{10}/, '\nAAAAAAAAAA'), /the CA needs a PEM certificate|not that of/],
    ['has the key of another', (good) => good.replace(/-----BEGIN PRIVATE[^]*/, other.keyPem), /not that of the CA's certificate/],
    ['has a name that does not follow from its key', () => other.certPem + other.keyPem, /name does not follow from its key/],
  ];
  test.each(contents)('that %s is an error, and never replaced', async (_what, change, text) => {
    await domain().load();
    const broken = change(readFileSync(caFile, 'utf8'));
    await writeFile(caFile, broken);
    await expect(domain().load()).rejects.toMatchObject({ reason: 'identity_invalid' });
    await expect(domain().load()).rejects.toThrow(text);
    await expect(domain().load()).rejects.toThrow(`the local CA '${caFile}' cannot be used: `);
    expect(readFileSync(caFile, 'utf8')).toBe(broken);
  });

  test('that has expired too', async () => {
    await domain().load();
    clock.jump(3651 * 24 * HOUR);
    await expect(domain().load()).rejects.toThrow(/it expired at 2036-06-12T00:00:00.000Z\. It is never replaced by itself/);
  });

  test('what a crash left over is no hindrance, nor is a second name of the file', async () => {
    await mkdir(keysDir, { mode: 0o700 });
    await writeFile(join(keysDir, '.local-ca.pem.0123.tmp'), 'half', { mode: 0o600 });
    const { id } = await domain().load();
    await link(caFile, join(keysDir, '.local-ca.pem.4567.tmp'));
    expect((await domain().load()).id).toBe(id);
  });
});

test('regression: the half-written CA of a process that was killed is removed after a minute, and nothing else', async () => {
  await mkdir(keysDir, { mode: 0o700 });
  const at = async (name: string, ageMs: number): Promise<string> => {
    await writeFile(join(keysDir, name), 'key', { mode: 0o600 });
    const seconds = (clock.now() - ageMs) / 1000;
    await utimes(join(keysDir, name), seconds, seconds);
    return name;
  };
  await at('.local-ca.pem.0123456789abcdef.tmp', 61_000);
  const kept = [
    // Perhaps still being written.
    await at('.local-ca.pem.fedcba9876543210.tmp', 59_000),
    await at('.notes.tmp', 61_000),
    await at('local-ca.pem.0123456789abcdef.tmp', 61_000),
  ];
  // Killed between link and unlink: a second name of the CA's file.
  await domain().load();
  await link(caFile, join(keysDir, '.local-ca.pem.00112233445566aa.tmp'));
  await utimes(caFile, clock.now() / 1000 - 61, clock.now() / 1000 - 61);
  const { trustDomain } = await domain().load();
  expect((await readdir(keysDir)).sort()).toEqual([...kept, 'local-ca.pem'].sort());
  expect((await domain().load()).trustDomain).toBe(trustDomain);
});

describe('renewal', () => {
  let changes: IdentityMaterial[];
  let errors: Error[];
  const watch = async (): Promise<{ one: LocalTrustDomain; first: IdentityMaterial; stop: () => void }> => {
    const one = domain();
    const first = await one.load();
    [changes, errors] = [[], []];
    const stop = one.watch((material) => changes.push(material), (error) => errors.push(error));
    return { one, first, stop };
  };

  test('comes at 55 to 65 % of the life, with the same key and id, again and again', async () => {
    const { one, first, stop } = await watch();
    await clock.advance(0.55 * 24 * HOUR - 120_000);
    expect(changes).toHaveLength(0);
    await clock.advance(0.1 * 24 * HOUR + 240_000);
    expect(changes).toHaveLength(1);
    const [second] = changes;
    expect({ ...second, chain: [] }).toEqual({ ...first, chain: [] });
    expect(leafOf(second!).serialNumber).not.toBe(leafOf(first).serialNumber);
    expect(Date.parse(leafOf(second!).validTo)).toBeGreaterThan(Date.parse(leafOf(first).validTo));
    expect(await one.load()).toBe(second);
    await clock.advance(3 * 24 * HOUR);
    expect(changes.length).toBeGreaterThanOrEqual(5);
    stop();
    expect(errors).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('20 services do not renew at the same time', async () => {
    const times = new Set<number>();
    for (let service = 0; service < 20; service++) {
      const one = domain();
      await one.load();
      one.watch(() => times.add(clock.now()), () => undefined);
    }
    await clock.advance(0.66 * 24 * HOUR);
    expect(times.size).toBeGreaterThan(5);
  });

  test.each([
    ['forward by a day', 24 * HOUR],
    ['back by an hour', -HOUR],
  ])('comes within a minute after the clock jumped %s', async (_what, ms) => {
    await watch();
    clock.jump(ms);
    await clock.advance(60_000);
    expect(changes).toHaveLength(1);
    expect(Date.parse(leafOf(changes[0]!).validFrom)).toBe(clock.now() - 60_000);
    await clock.advance(10 * 60_000);
    expect(changes).toHaveLength(1);
  });

  test('serves every listener, and ends with the last', async () => {
    const { one, stop } = await watch();
    let others = 0;
    const stopOther = one.watch(() => others++, () => undefined);
    await clock.advance(16 * HOUR);
    stop();
    await clock.advance(16 * HOUR);
    stopOther();
    await clock.advance(16 * HOUR);
    expect([changes.length, others]).toEqual([1, 2]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a CA that has ended is an error', async () => {
    await watch();
    clock.jump(3651 * 24 * HOUR);
    await clock.advance(60_000);
    expect(errors[0]?.message).toMatch(/^identity_invalid: the CA expired/);
    expect(changes).toEqual([]);
  });
});
