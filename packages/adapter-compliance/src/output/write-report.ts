import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, open, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { logFolder } from '@lemur-bookstores/mesh-log';
import type { ComplianceReport } from '../report/compliance-report.js';
import type { ReportFiles, ReportForms } from './report-files.js';

/** Where the files of a report are. */
export interface WrittenReport {
  readonly json: string;
  readonly csv: string;
  readonly html: string;
  /** Absent where it is not signed. */
  readonly note?: string;
}

/** In this order: who finds the note finds what it is over. */
const FORMS = ['json', 'csv', 'html', 'note'] as const;

/**
 * Writes a report's files into a folder (made 0700, files 0600): `compliance-report_<service>_<from>_<to>.json`, `.csv`, `.html`, `.note`. What is there is never replaced.
 * @throws MeshError `invalid_option` where there is such a report already, or Node's error where it cannot be written
 */
export async function writeReportFiles(report: ComplianceReport, files: ReportForms | ReportFiles, directory: string): Promise<WrittenReport> {
  const folder = resolve(directory);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const base = join(folder, reportName(report));
  for (const form of FORMS) await assertNothingAt(`${base}.${form}`);
  const written: Partial<Record<(typeof FORMS)[number], string>> = {};
  for (const form of FORMS) {
    const contents = (files as Partial<ReportFiles>)[form];
    if (contents === undefined) continue;
    await writeWhole(`${base}.${form}`, contents);
    written[form] = `${base}.${form}`;
  }
  return written as WrittenReport;
}

/** Without ending. Of letters, digits, `.`, `_`, `-`, `~` and `%`. */
export function reportName({ services, period }: ComplianceReport): string {
  const [service, another] = services;
  const day = (iso: string): string => iso.replace(/[-:]/g, '').replace('.000Z', 'Z');
  return `compliance-report_${service === undefined || another !== undefined ? 'all' : logFolder(service)}_${day(period.from)}_${day(period.to)}`;
}

/** Whole or not at all, and by link(2), which replaces nothing. */
async function writeWhole(path: string, contents: string): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    try {
      await handle.writeFile(contents);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(temporary, path);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

async function assertNothingAt(path: string): Promise<void> {
  if (!(await lstat(path).then(() => true, () => false))) return;
  const problem = `directory: there is '${path}' already, and a report is never replaced`;
  throw new MeshError('invalid_option', problem, { details: { problems: [problem] } });
}
