import type { SigningKey } from '@lemur-bookstores/mesh-log';
import type { ComplianceReport } from '../report/compliance-report.js';
import { contentHash } from './content-hash.js';
import { csvReport } from './csv-report.js';
import { htmlReport } from './html-report.js';
import { jsonReport } from './json-report.js';
import { signReportNote } from './report-note.js';

/** One report in its three forms: all show the content hash. */
export interface ReportForms {
  /** SHA-256 over the canonical JSON of the report, in hex. */
  readonly contentSha256: string;
  readonly json: string;
  readonly csv: string;
  readonly html: string;
}

/** With the signature over it: a C2SP signed note. */
export interface ReportFiles extends ReportForms {
  readonly note: string;
}

/** The report as JSON, CSV and HTML: the same each time. */
export function reportForms(report: ComplianceReport): ReportForms {
  const contentSha256 = contentHash(report);
  return { contentSha256, json: jsonReport(report, contentSha256), csv: csvReport(report, contentSha256), html: htmlReport(report, contentSha256) };
}

/** The same, signed by a ledger's key (Ed25519): `verifyReport` checks it. */
export function signReport(report: ComplianceReport, key: SigningKey): ReportFiles {
  const forms = reportForms(report);
  return { ...forms, note: signReportNote(forms, key) };
}
