import { beforeAll, describe, expect, test } from '@jest/globals';
import { FakeClock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { reportForms, signReport, type ReportFiles } from '../src/output/report-files.js';
import { verifyReport } from '../src/output/verify-report.js';
import type { ComplianceReport } from '../src/report/compliance-report.js';
import { reportFromLedger } from '../src/report/report-from-ledger.js';
import { parseCsv } from './support/csv.js';
import { day, JANUARY, january } from './support/january.js';
import { keyEvent, systemEvent } from './support/key-events.js';
import { alive, started, writeLedger } from './support/ledgers.js';
import { key, publicKey, temporaryDirectory } from './support/support.js';

const clock = new FakeClock(day(34));

/** Texts that a peer, a user or an error could bring into an event. */
const HOSTILE = [
  '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", '</td></table><h1>gone</h1>', '<!--', ']]>', '&lt;script&gt;', '`onload=alert(1)`', '</style><style>*{display:none}', '</title>',
  'javascript:alert(1)', '<svg/onload=alert(1)>', '\u202egnp.exe', '\u2066x\u2069', '\u0000\u0007\u001b[2J', 'a\nb\r\nc', '\ud800', '\ufeffx', '=HYPERLINK("http://evil.example")', '+1+cmd|\' /C calc\'!A0', '-2+3', '@SUM(1)', '\t=1',
  '\r=1', ' =1', '\u00a0=1', '\uff1d1', '|cmd', '%0a=1', '"=1', "'=1", 'a,"b"', ';=1', 'ä€😀', 'x'.repeat(10_000),
];

/** A report in which each of them stands wherever a text of an event can. */
async function hostileReport(): Promise<ComplianceReport> {
  const directory = temporaryDirectory();
  const entries: MeshAuditEvent[] = [started(day(1)), alive(day(2)), alive(day(3))];
  for (const text of HOSTILE) {
    const more = { serviceId: text };
    entries.push(
      keyEvent(day(3), 'key.activated', { keyId: text, keyType: text as never, algorithm: text, trigger: text as never, peerId: text, policy: { intervalMs: 1, source: text as never } }, more),
      keyEvent(day(3), 'key.rotation_failed', { keyId: text, keyType: text as never, previousKeyId: text, error: text }, more),
      systemEvent(day(3), 'audit.checkpoint', { origin: text, size: 1, root: text, note: text }),
    );
  }
  await writeLedger(directory, [...entries, alive(day(3))]);
  return reportFromLedger(directory, { from: new Date(day(1)), to: new Date(day(4)) }, { publicKey, clock });
}

describe('a report with hostile texts', () => {
  let report: ComplianceReport;
  let files: ReportFiles;
  beforeAll(async () => {
    report = await hostileReport();
    files = signReport(report, key);
  });

  test('has all of them', () => {
    for (const text of HOSTILE) expect(report.keys.map(({ keyId }) => keyId)).toContain(text);
  });

  test('is HTML with no other elements and attributes than those of any report', async () => {
    const directory = temporaryDirectory();
    await writeLedger(directory, january());
    const harmless = [JANUARY, { from: new Date(day(40)), to: new Date(day(41)) }].map(async (period) => reportForms(await reportFromLedger(directory, period, { publicKey, clock })).html);
    const plain = (await Promise.all(harmless)).join('');
    const tagsOf = (text: string): Set<string> => new Set([...text.matchAll(/<[^>]*>?/g)].map(([tag]) => tag));
    expect([...tagsOf(files.html)].filter((tag) => !tagsOf(plain).has(tag))).toEqual([]);
    expect(files.html).not.toMatch(/<script|<img|<svg|<iframe|<link|javascript:alert\(1\)"|\son\w+="/i);
    expect(files.html.match(/<style>/g)).toHaveLength(1);
    expect(files.html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  test('loads nothing, runs nothing, and sends nothing', () => {
    expect(files.html).toContain(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">`);
    expect(files.html.replace(/<td[^]*?<\/td>/g, '')).not.toMatch(/\b(src|href|action)=|url\(|@import/i);
  });

  test('has no raw control or format character in any form, but for the ends of lines', () => {
    for (const text of [files.json, files.csv.replace(/^\ufeff/, ''), files.html, files.note]) expect(text.replaceAll('\r\n', '').replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
  });

  test('is JSON that gives every text back', () => {
    expect((JSON.parse(files.json) as { report: ComplianceReport }).report).toEqual(report);
  });

  test('is a CSV of as many columns in each row, none of which a spreadsheet takes for a formula', () => {
    const rows = parseCsv(files.csv);
    expect(new Set(rows.map((row) => row.length)).size).toBe(1);
    const cells = rows.flat();
    expect(cells.filter((cell) => /^[\s"]*[=+\-@|%\uff1d]/u.test(cell))).toEqual([]);
    expect(cells).toEqual(expect.arrayContaining([`'=HYPERLINK("http://evil.example")`, "'-2+3", "'@SUM(1)", 'a,"b"', '\\u0009=1', `'"=1`, "''=1"]));
  });

  test('verifies', () => expect(verifyReport(files, publicKey)).toMatchObject({ status: 'authentic' }));
});
