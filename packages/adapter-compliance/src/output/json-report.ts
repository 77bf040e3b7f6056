import { escapeControls } from '@lemur-bookstores/mesh-interface';
import type { ComplianceReport } from '../report/compliance-report.js';

/** The report as JSON, two blanks a level. Control and format characters of texts stand in JSON's own escapes. */
export function jsonReport(report: ComplianceReport, contentSha256: string): string {
  return `${JSON.stringify({ contentSha256, report }, null, 2).split('\n').map(escapeControls).join('\n')}\n`;
}
