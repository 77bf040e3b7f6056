import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { reportName, writeReportFiles } from '../src/output/write-report.js';
import type { ComplianceReport } from '../src/report/compliance-report.js';
import { temporaryDirectory } from './support/support.js';

describe('files of a report', () => {
  const report = { services: ['a service/../x'], period: { from: '2026-01-01T00:00:00.000Z', to: '2026-01-01T12:30:00.250Z' } } as unknown as ComplianceReport;
  const files = { contentSha256: '', json: '{}', csv: 'c', html: 'h', note: 'n' };

  test('have a name that leads nowhere', () => {
    expect(reportName(report)).toBe('compliance-report_a%20service%2F..%2Fx_20260101T000000Z_20260101T123000.250Z');
    expect(reportName({ ...report, services: ['a', 'b'] })).toMatch(/^compliance-report_all_/);
  });

  test('are private, whole, and replace nothing, a dangling link included', async () => {
    const directory = join(temporaryDirectory(), 'new', 'folder');
    const written = await writeReportFiles(report, files, directory);
    expect(Object.keys(written)).toEqual(['json', 'csv', 'html', 'note']);
    expect([statSync(directory).mode & 0o777, ...Object.values(written).map((path) => statSync(path).mode & 0o777)]).toEqual([0o700, 0o600, 0o600, 0o600, 0o600]);
    expect(Object.values(written).map((path) => readFileSync(path, 'utf8'))).toEqual(['{}', 'c', 'h', 'n']);
    for (const form of ['json', 'note'] as const) {
      const other = temporaryDirectory();
      symlinkSync('/nowhere/at/all', join(other, `${reportName(report)}.${form}`));
      await expect(writeReportFiles(report, files, other)).rejects.toMatchObject({ reason: 'invalid_option' });
      expect(readdirSync(other)).toHaveLength(1);
    }
  });

  test('without a signature there is no note', async () => {
    expect(await writeReportFiles(report, { contentSha256: '', json: '{}', csv: '', html: '' }, temporaryDirectory())).not.toHaveProperty('note');
  });

  test('in a place that is no folder fail as such, and leave nothing', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'file'), '');
    await expect(writeReportFiles(report, files, join(directory, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    mkdirSync(join(directory, 'folder'));
    expect(readdirSync(join(directory, 'folder'))).toEqual([]);
  });
});
