import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ComplianceAdapter } from '@lemur-bookstores/adapter-compliance';
import { FakeClock, silentLogger, type KeyRotationMetadata, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { openSigningKeys } from '@lemur-bookstores/mesh-log';
import { START, temporaryDirectory } from './support/logs.js';
import { RAW_CONTROLS, run } from './support/run.js';

const DAY = 86_400_000;
const PERIOD = ['--from', '2026-01-01', '--to', '2026-01-02'];

const keyEvent = (sequence: number, keyId: string, trigger: KeyRotationMetadata['trigger']): MeshAuditEvent => {
  const metadata: KeyRotationMetadata = { keyType: 'session', algorithm: 'AES-256-GCM', keyId, trigger, policy: { intervalMs: DAY, source: 'default' } };
  return { id: `id-${keyId}`, sequence, timestamp: new Date(START + sequence * 60_000), eventType: 'key_rotation', serviceId: 'order-service', details: { action: 'key.activated', success: true, metadata } };
};

/** A ledger that one key came into, and the keys that sign it. */
async function ledger(): Promise<{ directory: string; keysDir: string; publicKey: string }> {
  const base = temporaryDirectory();
  const [directory, keysDir] = [join(base, 'compliance'), join(base, 'keys')];
  const { key } = await openSigningKeys(keysDir);
  const adapter = new ComplianceAdapter({ standard: 'PCI-DSS', requirement: '3.6.4', directory, signWith: keysDir, logger: silentLogger, clock: new FakeClock(START) });
  await adapter.logEvent(keyEvent(1, 'first', 'start'));
  await adapter.close();
  return { directory, keysDir, publicKey: key.publicKey.toString('base64') };
}

describe('compliance report', () => {
  let made: Awaited<ReturnType<typeof ledger>>;
  beforeAll(async () => void (made = await ledger()));
  const report = (...more: string[]) => run(['compliance', 'report', '--directory', made.directory, ...PERIOD, ...more]);

  test('writes signed files, says where they are and what they have, and verify finds them authentic', async () => {
    const out = join(temporaryDirectory(), 'reports');
    const { code, out: shown, err } = await report('--keys-dir', made.keysDir, '--out', out);
    expect([code, err]).toEqual([0, '']);
    expect(shown).toMatch(/^Supporting evidence on key management for PCI DSS 3\.7\.4 \(v3\.2\.1: 3\.6\.4\)\norder-service, from 2026-01-01T00:00:00\.000Z until before 2026-01-02T00:00:00\.000Z\n/);
    expect(shown).toMatch(/keys {6}1, 0 of them in use at the end; 1 changes/);
    const files = readdirSync(out).sort();
    expect(files).toEqual(['csv', 'html', 'json', 'note'].map((form) => `compliance-report_order-service_20260101T000000Z_20260102T000000Z.${form}`));
    for (const file of files) expect(shown).toContain(join(out, file));
    for (const file of files) {
      const verified = await run(['compliance', 'verify', join(out, file), '--key', made.publicKey]);
      expect(verified).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/: AUTHENTIC\n {2}Supporting evidence .*\n {2}content hash [0-9a-f]{64}\n$/) });
    }
    expect(await report('--keys-dir', made.keysDir, '--out', out)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/already, and a report is never replaced/) });
  });

  test('takes the keys of the environment, another standard, and times like those of audit query', async () => {
    const out = temporaryDirectory();
    const options = { env: { MESH_KEYS_DIR: made.keysDir } };
    // The program's clock stands at noon of 1 June.
    const { code, lines } = await run(['compliance', 'report', '--directory', join(made.directory, 'order-service'), '--from', '30w', '--to', '0s', '--out', out, '--standard', 'iso 27001', '--requirement', 'A.10.1.2', '--json'], options);
    expect(code).toBe(0);
    const result = JSON.parse(lines[0] as string) as { files: Record<string, string> };
    expect(result).toMatchObject({ proven: true, signed: true, contentSha256: expect.stringMatching(/^[0-9a-f]{64}$/), summary: { keys: 1 } });
    expect(JSON.parse(readFileSync(result.files['json'] as string, 'utf8'))).toMatchObject({ report: { requirement: { requirement: 'A.8.24 (2013: A.10.1.1, 2013: A.10.1.2)' }, period: { to: '2026-06-01T12:00:00.000Z' } } });
  });

  test('without a signature: under the public key it is proven, without it is not', async () => {
    const out = temporaryDirectory();
    expect(await report('--unsigned', '--key', made.publicKey, '--out', join(out, 'a'))).toMatchObject({ code: 0, out: expect.stringMatching(/not signed\n$/) });
    expect(readdirSync(join(out, 'a')).some((file) => file.endsWith('.note'))).toBe(false);
    expect(await report('--unsigned', '--out', join(out, 'b'))).toMatchObject({ code: 1, out: expect.stringContaining('consistent, NOT authenticated') });
  });

  test('of a ledger that was tampered with is not made: 1, and nothing is written', async () => {
    const copy = join(temporaryDirectory(), 'compliance');
    cpSync(made.directory, copy, { recursive: true });
    const folder = join(copy, 'order-service');
    const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.jsonl')) as string);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"intervalMs":86400000', '"intervalMs":99999999'));
    const out = join(temporaryDirectory(), 'reports');
    const { code, out: shown, err } = await run(['compliance', 'report', '--directory', copy, ...PERIOD, '--keys-dir', made.keysDir, '--out', out]);
    expect([code, shown]).toEqual([1, '']);
    expect(err).toMatch(/^log_tampered: the ledger in '.*order-service' cannot be trusted from record \d+.*No report is made from it/);
    expect(existsSync(out)).toBe(false);
  });

  test('shows nothing that a terminal would act on', async () => {
    const base = temporaryDirectory();
    const adapter = new ComplianceAdapter({ standard: 'PCI-DSS', requirement: '3.6.4', directory: join(base, 'c'), signWith: made.keysDir, logger: silentLogger });
    await adapter.logEvent({ ...keyEvent(1, '\u001b[2J\u202e', 'start'), serviceId: 'a\u001b[31m\u202eb' });
    await adapter.close();
    const { code, lines } = await run(['compliance', 'report', '--directory', join(base, 'c'), ...PERIOD, '--keys-dir', made.keysDir, '--out', base], { terminal: false });
    expect(code).toBe(0);
    for (const line of lines) expect(line).not.toMatch(RAW_CONTROLS);
  });

  test.each<[string, string[], RegExp]>([
    ['no directory', ['--from', '1d', '--to', '0s'], /required option '--directory <dir>' not specified/],
    ['no beginning', ['--directory', '.', '--to', '0s'], /required option '--from <time>' not specified/],
    ['a time that is none', ['--directory', '.', '--from', 'soon', '--to', '0s'], /'soon' is invalid.*Give a date/],
    ['a folder that is not there', ['--directory', '/not/there', '--from', '1d', '--to', '0s'], /there is no '\/not\/there'/],
    ['rows without end', ['--directory', '.', '--from', '1d', '--to', '0s', '--max-rows', '1000000'], /whole number from 1 to 100000/],
    ['a folder of keys for nothing', ['--directory', '.', '--from', '1d', '--to', '0s', '--unsigned', '--keys-dir', '.'], /cannot be used with option/],
  ])('with %s is wrong usage', async (_what, args, message) => {
    expect(await run(['compliance', 'report', ...args])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });

  test('says what is wrong with what it names', async () => {
    const empty = temporaryDirectory();
    expect(await run(['compliance', 'report', '--directory', empty, ...PERIOD, '--unsigned'])).toMatchObject({ code: 2, err: `error: --directory: there is no ledger in '${empty}', nor in the folders of it\n` });
    expect(await report('--keys-dir', empty)).toMatchObject({ code: 2, err: expect.stringMatching(/log_key_missing: .*--keys-dir names that of the service, --unsigned/) });
    expect(await report('--keys-dir', made.keysDir, '--key', made.publicKey)).toMatchObject({ code: 2, err: expect.stringContaining('--key: goes with --unsigned') });
    expect(await report('--unsigned', '--service', 'other')).toMatchObject({ code: 2, err: expect.stringContaining("there is no ledger of 'other'") });
    expect(await report('--unsigned', '--standard', 'HIPAA', '--requirement', '1')).toMatchObject({ code: 2, err: expect.stringContaining('there are PCI-DSS, SOC2, ISO-27001, NIST-SP-800-57') });
    expect(await report('--unsigned', '--standard', 'PCI-DSS', '--requirement', '3.6')).toMatchObject({ code: 2, err: expect.stringContaining('3.7.4 (v3.2.1: 3.6.4)') });
    expect(await run(['compliance', 'report', '--directory', made.directory, '--from', '2026-01-02', '--to', '2026-01-01', '--unsigned'])).toMatchObject({ code: 2, err: expect.stringContaining('to: nothing is from 2026-01-02') });
  });
});

describe('compliance verify', () => {
  test('finds what was changed, and what is missing', async () => {
    const made = await ledger();
    const out = temporaryDirectory();
    await run(['compliance', 'report', '--directory', made.directory, ...PERIOD, '--keys-dir', made.keysDir, '--out', out]);
    const file = (form: string): string => join(out, `compliance-report_order-service_20260101T000000Z_20260102T000000Z.${form}`);
    const verify = (...more: string[]) => run(['compliance', 'verify', file('json'), '--key', made.publicKey, ...more]);
    rmSync(file('csv'));
    expect(await verify()).toMatchObject({ code: 0, out: expect.stringContaining('.csv is not there, and was not checked') });
    expect(JSON.parse((await verify('--json')).out)).toMatchObject({ status: 'authentic', missing: ['csv'] });
    appendFileSync(file('html'), ' ');
    expect(await verify()).toMatchObject({ code: 1, out: expect.stringMatching(/: ALTERED\n {2}html: it is not what was signed\n$/) });
    expect(JSON.parse((await verify('--json')).out)).toMatchObject({ status: 'altered', problems: ['html: it is not what was signed'] });
    rmSync(file('note'));
    expect(await verify()).toMatchObject({ code: 2, out: '', err: expect.stringContaining(`there is no '${file('note')}'`) });
    expect(await run(['compliance', 'verify', join(out, 'other.txt'), '--key', made.publicKey])).toMatchObject({ code: 2, err: expect.stringContaining('does not end in .json') });
    expect(await run(['compliance', 'verify', file('json')])).toMatchObject({ code: 2, err: expect.stringContaining("required option '--key <key or file>' not specified") });
    expect(await run(['compliance', 'verify', file('json'), '--key', 'nothing'])).toMatchObject({ code: 2, err: expect.stringContaining('is neither a verifier key') });
  });
});
