import { beforeAll, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { SigningKey, signCheckpoint, signNote } from '@lemur-bookstores/mesh-log';
import { contentHash } from '../src/output/content-hash.js';
import { signReport, type ReportFiles } from '../src/output/report-files.js';
import { verifyReport } from '../src/output/verify-report.js';
import type { ComplianceReport } from '../src/report/compliance-report.js';
import { reportFromLedger } from '../src/report/report-from-ledger.js';
import { day, JANUARY, january } from './support/january.js';
import { writeLedger } from './support/ledgers.js';
import { key, publicKey, temporaryDirectory } from './support/support.js';

const clock = new FakeClock(day(34));

describe('a signed report', () => {
  let files: ReportFiles;
  let report: ComplianceReport;
  beforeAll(async () => {
    const directory = temporaryDirectory();
    await writeLedger(directory, january());
    report = await reportFromLedger(directory, JANUARY, { publicKey, clock });
    files = signReport(report, key);
  });

  test('is authentic as text and as bytes, under raw and verifier keys, with or without CSV and HTML', () => {
    const bytes = { json: Buffer.from(files.json), csv: Buffer.from(files.csv), html: Buffer.from(files.html), note: Buffer.from(files.note) };
    for (const given of [files, bytes, { json: files.json, note: files.note }]) {
      for (const keys of [publicKey, key.verifierKey('any/origin'), [SigningKey.generate().publicKey.toString('base64'), publicKey]]) expect(verifyReport(given, keys)).toMatchObject({ status: 'authentic', report });
    }
  });

  test('shows every change of a byte in any file', () => {
    for (const form of ['json', 'csv', 'html', 'note'] as const) {
      const whole = Buffer.from(files[form]);
      for (let index = 0; index < whole.length; index += Math.ceil(whole.length / 100)) {
        const changed = Buffer.from(whole);
        changed[index] = (changed[index] as number) ^ 1;
        expect(verifyReport({ ...files, [form]: changed }, publicKey)).toMatchObject({ status: 'altered', problems: [expect.stringMatching(new RegExp(`^${form}: `))] });
      }
    }
  });

  test('shows files of another report, other keys, and what is cut or missing', () => {
    const other = signReport({ ...report, generatedAt: '2026-03-01T00:00:00.000Z' }, key);
    for (const form of ['json', 'csv', 'html', 'note'] as const) expect(verifyReport({ ...files, [form]: other[form] }, publicKey).status).toBe('altered');
    expect(verifyReport(files, SigningKey.generate().publicKey.toString('base64'))).toEqual({ status: 'altered', problems: ['note: none of the known keys signed it'] });
    for (const form of ['json', 'csv', 'html', 'note'] as const) expect(verifyReport({ ...files, [form]: files[form].slice(0, -1) }, publicKey).status).toBe('altered');
    for (const note of ['', 'x', '\n\n', files.note.split('\n\n')[0] as string]) expect(verifyReport({ ...files, note }, publicKey).status).toBe('altered');
    expect(() => verifyReport(files, [])).toThrow('publicKey');
    expect(() => verifyReport(files, 'no key')).toThrow(expect.objectContaining({ reason: 'invalid_option' }));
  });

  test('is not to be had from what else the key signs, nor the other way round', () => {
    const asCheckpoint = signCheckpoint({ origin: 'secure-stack-mesh/compliance-report', size: 1, root: Buffer.alloc(32) }, [key]).note;
    expect(verifyReport({ ...files, note: asCheckpoint }, publicKey)).toMatchObject({ status: 'altered', problems: ['note: it is no signed note of a report'] });
    const text = `${files.note.split('\n\n')[0]}\n`;
    expect(verifyReport({ ...files, note: signNote(text, 'another/name', [key]) }, publicKey).status).toBe('altered');
    expect(verifyReport({ ...files, note: signNote(`${text}more\n`, 'secure-stack-mesh/compliance-report', [key]) }, publicKey).status).toBe('altered');
  });

  test('whose own hash is wrong, though signed, is altered', () => {
    const forged = JSON.stringify({ contentSha256: files.contentSha256, report: { ...report, findings: [] } });
    const note = signReport(report, key).note.replace(/json sha256 .*/, `json sha256 ${contentHash(forged)}`);
    expect(verifyReport({ json: forged, note }, publicKey).status).toBe('altered');
  });

  test('says nowhere that anything is compliant', () => {
    for (const text of [files.json, files.csv, files.html]) expect(text).not.toMatch(/compliant|complies|in compliance|non-compliance/i);
  });
});
