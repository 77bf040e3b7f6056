import type { ComplianceReport, WrittenReport } from '@lemur-bookstores/adapter-compliance';
import { fileFields } from './file-fields.js';
import type { Line } from './output.js';

/** What a report has, and where it is, for a person to read. */
export function complianceSummary({ title, period, services, summary, ledgers }: ComplianceReport, { json, csv, html, note }: WrittenReport): Line[] {
  const { keys, inUse, changes, findings, gaps } = summary;
  const lines: Line[] = [
    { text: title, style: 'strong' },
    `${services.join(', ')}, from ${period.from} until before ${period.to}`,
    '',
    `  keys      ${count(keys)}, ${count(inUse)} of them in use at the end; ${count(changes)} changes`,
    ['  findings  ', { text: count(findings), style: findings === 0 ? 'good' : 'bad' }],
    ['  gaps      ', { text: count(gaps), style: gaps === 0 ? 'good' : 'warning' }],
  ];
  for (const { ledger, status, notAuthenticated } of ledgers) {
    if (status !== 'authentic') lines.push(['  ', { text: `ledger ${ledger} is consistent, NOT authenticated: give --key`, style: 'warning' }]);
    for (const { from, to, why } of status === 'authentic' ? notAuthenticated : []) lines.push(['  ', { text: `ledger ${ledger}: records ${from} to ${to - 1} are not authenticated (${why})`, style: 'warning' }]);
  }
  const files: (readonly [string, string])[] = [[html, 'for people'], [csv, 'for spreadsheets'], [json, 'for programs']];
  if (note !== undefined) files.push([note, 'the signature over all three: compliance verify']);
  lines.push('', ...fileFields(files));
  if (note === undefined) lines.push({ text: 'not signed', style: 'warning' });
  return lines;
}

const count = (number: number): string => number.toLocaleString('en-US');
