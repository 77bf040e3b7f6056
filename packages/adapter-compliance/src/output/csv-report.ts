import { escapeControls } from '@lemur-bookstores/mesh-interface';
import type { ComplianceReport } from '../report/compliance-report.js';

type Row = Readonly<Record<string, unknown>>;

/** Always all of them, in this order, so that programs can count on it. */
const COLUMNS = [
  'section', 'name', 'value', 'service', 'ledger', 'kind', 'at', 'from', 'to', 'text', 'action', 'trigger', 'success', 'error', 'keyType', 'algorithm', 'keyId', 'previousKeyId', 'peerId', 'sessionsRekeyed',
  'policy.intervalMs', 'policy.rejectAfterMs', 'policy.maxRecords', 'policy.maxBytes', 'policy.source', 'createdAt', 'activatedAt', 'activatedBy', 'state', 'retiredAt', 'retiredBy', 'destroyed', 'ageMs', 'records',
  'bytes', 'overdueMs', 'failedChanges', 'keys', 'inUse', 'retired', 'endNotSeen', 'longestMs', 'mostRecords', 'mostBytes', 'overdue', 'origin', 'size', 'root', 'note', 'status', 'notAuthenticated',
];
/** What a spreadsheet takes for the beginning of a formula, full-width forms included, also behind blanks. */
const FORMULA = /^[\s'"]*[=+\-@\t\r|%\uff1d\uff0b\uff0d\uff20]/u;

/**
 * The report as one table (RFC 4180, UTF-8 with a byte order mark, which spreadsheets ask for): the column `section` says what a row is of. A text that a spreadsheet would take for a formula
 * has an apostrophe in front.
 */
export function csvReport(report: ComplianceReport, contentSha256: string): string {
  const lines = [COLUMNS, ...rowsOf(report, contentSha256).map((row) => COLUMNS.map((column) => row[column]))];
  return `\ufeff${lines.map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('')}`;
}

/** One cell, quoted. */
export function csvCell(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = escapeControls(typeof value === 'string' ? value : JSON.stringify(value));
  const safe = typeof value === 'string' && FORMULA.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

function rowsOf(report: ComplianceReport, contentSha256: string): Row[] {
  const { requirement, period, summary, notListed, keys, classes, findings, gaps, changes, trail, auditLogHeads, ledgers, scope, rules, services } = report;
  const named = (section: string, values: object): Row[] => Object.entries(values).map(([name, value]) => ({ section, name, value: value as unknown }));
  const listed = (section: string, items: readonly object[]): Row[] => items.map((item) => ({ section, ...flat(item) }));
  const texts = (section: string, name: string, values: readonly string[]): Row[] => values.map((value) => ({ section, name, value }));
  return [
    ...named('report', { title: report.title, contentSha256, format: report.format, from: period.from, to: period.to, generatedAt: report.generatedAt }),
    ...texts('report', 'service', services),
    ...named('requirement', { standard: requirement.standard, version: requirement.version, requirement: requirement.requirement, title: requirement.title }),
    ...texts('requirement', 'evidence', requirement.evidence),
    ...texts('requirement', 'outside', requirement.outside),
    ...texts('requirement', 'note', requirement.notes),
    ...texts('scope', 'scope', scope),
    ...texts('rules', 'rule', rules),
    ...named('summary', summary),
    ...named('not listed', notListed),
    ...listed('class', classes),
    ...listed('finding', findings),
    ...listed('gap', gaps),
    ...listed('key', keys),
    ...listed('change', changes),
    ...listed('trail', trail),
    ...listed('audit log head', auditLogHeads),
    ...listed('ledger', ledgers),
  ];
}

/** Objects within become columns of their own: `policy.intervalMs`. */
function flat(item: object): Row {
  const entries = Object.entries(item).flatMap(([name, value]: [string, unknown]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value).map(([inner, each]: [string, unknown]) => [`${name}.${inner}`, each] as const) : [[name, value] as const],
  );
  return Object.fromEntries(entries);
}
