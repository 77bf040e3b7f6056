import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { ComplianceReport } from '../report/compliance-report.js';
import { contentHash, sha256Hex } from './content-hash.js';
import { openReportNote, type ReportHashes } from './report-note.js';

/** Files of a report as they were read. The CSV and the HTML form may be left out; what is there is checked. */
export interface GivenReportFiles {
  readonly json: string | Uint8Array;
  readonly note: string | Uint8Array;
  readonly csv?: string | Uint8Array | undefined;
  readonly html?: string | Uint8Array | undefined;
}

/** What was found out about a report. */
export type ReportVerification =
  | { readonly status: 'authentic'; readonly contentSha256: string; readonly report: ComplianceReport }
  | { readonly status: 'altered'; /** What does not fit, a file at a time. */ readonly problems: readonly string[] };

/**
 * Checks a report: the signature over it, each file that is given, and that the JSON's own hash is right. `authentic` says that it is what the holder of the key wrote; whether the ledger it was
 * made from is genuine, `verifyAuditLog` says.
 * @param publicKey one or more public keys of the ledger: verifier keys (`origin+id+key`), or raw Ed25519 keys in base64
 * @throws MeshError `invalid_option` where there is no key, or one that is none
 */
export function verifyReport({ json, note, csv, html }: GivenReportFiles, publicKey: string | readonly string[]): ReportVerification {
  const keys = [publicKey].flat();
  const problem = 'publicKey: there is none, and without one nothing can be verified';
  if (keys.length === 0) throw new MeshError('invalid_option', problem, { details: { problems: [problem] } });
  let signed: ReportHashes;
  try {
    signed = openReportNote(note, keys);
  } catch (error) {
    if (!MeshError.is(error) || error.reason !== 'note_invalid') throw error;
    return { status: 'altered', problems: [`note: ${error.text}`] };
  }
  const problems: string[] = [];
  for (const [part, file] of Object.entries({ json, csv, html })) {
    if (file !== undefined && sha256Hex(file) !== signed[part as 'json']) problems.push(`${part}: it is not what was signed`);
  }
  if (problems.length > 0) return { status: 'altered', problems };
  const report = reportIn(json, signed.content);
  return report === undefined ? { status: 'altered', problems: ['json: it does not have the content that was signed'] } : { status: 'authentic', contentSha256: signed.content, report };
}

function reportIn(json: string | Uint8Array, contentSha256: string): ComplianceReport | undefined {
  try {
    const file = JSON.parse(typeof json === 'string' ? json : Buffer.from(json).toString()) as { readonly contentSha256: string; readonly report: ComplianceReport };
    return file.contentSha256 === contentSha256 && contentHash(file.report) === contentSha256 ? file.report : undefined;
  } catch {
    return undefined;
  }
}
