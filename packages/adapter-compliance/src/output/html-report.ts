import type { AuditLogHead, ComplianceReport, CoverageGap, Finding, KeyChange, KeyClass, KeyRow, ReportedLedger, TrailChange } from '../report/compliance-report.js';
import { timeSpan } from '../report/time-span.js';
import { STYLE } from './html-style.js';
import { grouped, htmlTable, moment, type Column } from './html-table.js';
import { html, Html, type HtmlValue } from './html-text.js';

/** The report as one page for a browser and for paper: nothing is loaded, nothing runs. */
export function htmlReport(report: ComplianceReport, contentSha256: string): string {
  const { title, requirement, period, generatedAt, services, scope, rules, summary, notListed } = report;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}, ${period.from.slice(0, 10)} to ${period.to.slice(0, 10)}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<h1>${title}</h1>
<p>${services.length === 1 ? 'Service' : 'Services'}: <strong>${services.join(', ')}</strong><br>
Period: from <strong>${moment(period.from)}</strong> until before <strong>${moment(period.to)}</strong><br>
Made: ${moment(generatedAt)}</p>
<p>${requirement.standard} ${requirement.version}, ${requirement.requirement}: ${requirement.title}.</p>
<div class="notice"><p>${scope[0]}</p><p>Content hash (SHA-256): <span class="hash">${contentSha256}</span></p></div>
<ul class="summary">${totals(summary)}</ul>
<h2>Scope</h2>
${list(scope.slice(1))}
<p>What of this report speaks to the requirement:</p>${list(requirement.evidence)}
<p>What it asks for and is not here:</p>${list(requirement.outside)}
${list(requirement.notes)}
<h2>Cryptoperiods</h2>
${htmlTable(report.classes, CLASSES, { none: 'No key was in use.', notListed: notListed.classes })}
<h2>Findings</h2>
${htmlTable(report.findings, FINDINGS, { none: 'Nothing was found.', notListed: notListed.findings })}
<h2>Gaps in coverage</h2>
${htmlTable(report.gaps, GAPS, { none: 'The ledgers speak for the whole period.', notListed: notListed.gaps })}
<h2>Keys in use</h2>
${htmlTable(report.keys, KEYS, { none: 'No key was in use.', notListed: notListed.keys })}
<h2>Changes</h2>
${htmlTable(report.changes, CHANGES, { none: 'No key came, went or was changed.', notListed: notListed.changes })}
<h2>Starts and stops</h2>
${htmlTable(report.trail, TRAIL, { none: 'Neither audit trail nor ledger nor mesh started or stopped.', notListed: notListed.trail })}
<h2>Heads of the audit logs</h2>
<p>Under these an audit log can be verified: <span class="hash">secure-stack-mesh audit verify</span> takes the signed note, which is in the JSON form of this report, for <span class="hash">--checkpoint</span>.</p>
${htmlTable(report.auditLogHeads, HEADS, { none: 'The ledgers have none: no adapter of the meshes keeps an audit log.', notListed: notListed.auditLogHeads })}
<h2>Ledgers</h2>
${htmlTable(report.ledgers, LEDGERS, { none: 'None.' })}
<h2>How findings are made</h2>
${list(rules)}
<h2>This document</h2>
<p>JSON, CSV and HTML form of the report have the content hash in common. The signature is in the file that ends in <span class="hash">.note</span>, over the content hash and the hashes of all three files;
<span class="hash">secure-stack-mesh compliance verify</span> checks it under the public key of the ledger.</p>
</body>
</html>
`;
  return page.text;
}

const list = (texts: readonly string[]): Html => html`<ul>${texts.map((text) => html`<li>${text}</li>`)}</ul>`;

function totals(summary: ComplianceReport['summary']): Html[] {
  const named: readonly (readonly [name: string, count: number])[] = [
    ['keys in use', summary.keys], ['of them at the end', summary.inUse], ['retired', summary.retired], ['destroyed', summary.destroyed], ['end not seen', summary.endNotSeen],
    ['changes', summary.changes], ['findings', summary.findings], ['gaps in coverage', summary.gaps],
  ];
  return named.map(([name, count]) => html`<li><strong>${grouped(count)}</strong>${name}</li>`);
}

const number = (value: number | undefined): HtmlValue => (value === undefined ? '' : grouped(value));
const duration = (value: number | undefined): HtmlValue => (value === undefined ? 'none' : timeSpan(value));

const CLASSES: readonly Column<KeyClass>[] = [
  { heading: 'Service', value: ({ service }) => service },
  { heading: 'Type', kind: 'word', value: ({ keyType }) => keyType },
  { heading: 'Algorithm', kind: 'word', value: ({ algorithm }) => algorithm },
  { heading: 'Changed after', kind: 'span', value: ({ policy }) => duration(policy.intervalMs) },
  { heading: 'Hard limit', kind: 'span', value: ({ policy }) => duration(policy.rejectAfterMs) },
  { heading: 'Records', kind: 'number', value: ({ policy }) => number(policy.maxRecords) },
  { heading: 'Bytes', kind: 'number', value: ({ policy }) => number(policy.maxBytes) },
  { heading: 'Set by', kind: 'word', value: ({ policy }) => policy.source },
  { heading: 'Keys', kind: 'number', value: ({ keys }) => number(keys) },
  { heading: 'In use', kind: 'number', value: ({ inUse }) => number(inUse) },
  { heading: 'Retired', kind: 'number', value: ({ retired }) => number(retired) },
  { heading: 'Destroyed', kind: 'number', value: ({ destroyed }) => number(destroyed) },
  { heading: 'End not seen', kind: 'number', value: ({ endNotSeen }) => number(endNotSeen) },
  { heading: 'Longest use', kind: 'span', value: ({ longestMs }) => timeSpan(longestMs) },
  { heading: 'Most records', kind: 'number', value: ({ mostRecords }) => number(mostRecords) },
  { heading: 'Most bytes', kind: 'number', value: ({ mostBytes }) => number(mostBytes) },
  { heading: 'Overdue', kind: 'number', value: ({ overdue }) => number(overdue) },
];

const FINDINGS: readonly Column<Finding>[] = [
  { heading: 'What', value: ({ kind }) => html`<span class="bad">${kind}</span>` },
  { heading: 'Since', kind: 'time', value: ({ at }) => moment(at) },
  { heading: 'Service', value: ({ service }) => service },
  { heading: 'Type', kind: 'word', value: ({ keyType }) => keyType },
  { heading: 'Key', kind: 'id', value: ({ keyId }) => keyId },
  { heading: 'How', value: ({ text }) => text },
];

const GAPS: readonly Column<CoverageGap>[] = [
  { heading: 'Service', value: ({ service }) => service },
  { heading: 'Ledger', value: ({ ledger }) => ledger },
  { heading: 'What', kind: 'word', value: ({ kind }) => kind },
  { heading: 'From', kind: 'time', value: ({ from }) => moment(from) },
  { heading: 'To', kind: 'time', value: ({ to }) => moment(to) },
  { heading: 'Why', value: ({ text }) => text },
];

const KEYS: readonly Column<KeyRow>[] = [
  { heading: 'Service', value: ({ service }) => service },
  { heading: 'Type', kind: 'word', value: ({ keyType, algorithm }) => html`${keyType}<br>${algorithm}` },
  { heading: 'Key, and with whom', kind: 'id', value: ({ keyId, peerId }) => html`${keyId}<br>${peerId}` },
  { heading: 'Created, activated', kind: 'time', value: ({ createdAt, activatedAt, activatedBy }) => html`${moment(createdAt)}<br>${moment(activatedAt)}<br>${activatedBy ?? 'before the ledger'}` },
  { heading: 'Retired', kind: 'time', value: ({ retiredAt, retiredBy, state }) => (retiredAt === undefined ? state : html`${moment(retiredAt)}<br>${retiredBy ?? state}`) },
  { heading: 'Destroyed', value: ({ destroyed, state }) => (destroyed === undefined ? (state === 'end not seen' ? 'with its process' : '') : destroyed ? 'yes' : 'no') },
  { heading: 'Age', kind: 'span', value: ({ ageMs }) => timeSpan(ageMs) },
  { heading: 'Records, bytes', kind: 'number', value: ({ records, bytes }) => html`${number(records)}<br>${number(bytes)}` },
  { heading: 'To be changed after', value: ({ policy }) => html`${duration(policy.intervalMs)} (${policy.source})` },
  { heading: 'Late', kind: 'span', value: ({ overdueMs }) => (overdueMs === undefined ? '' : html`<span class="bad">${timeSpan(overdueMs)}</span>`) },
  { heading: 'Failed changes', kind: 'number', value: ({ failedChanges }) => (failedChanges === 0 ? '' : grouped(failedChanges)) },
];

const CHANGES: readonly Column<KeyChange>[] = [
  { heading: 'Time', kind: 'time', value: ({ at }) => moment(at) },
  { heading: 'Service', value: ({ service }) => service },
  { heading: 'Type', kind: 'word', value: ({ keyType }) => keyType },
  { heading: 'What', kind: 'word', value: ({ action }) => action },
  { heading: 'Because of', kind: 'word', value: ({ trigger }) => trigger },
  { heading: 'Key', kind: 'id', value: ({ keyId }) => keyId },
  { heading: 'Instead of', kind: 'id', value: ({ previousKeyId }) => previousKeyId },
  { heading: 'Sessions', kind: 'number', value: ({ sessionsRekeyed }) => number(sessionsRekeyed) },
  { heading: 'Outcome', value: ({ success, error }) => (success ? 'done' : html`<span class="bad">failed</span> ${error}`) },
];

const TRAIL: readonly Column<TrailChange>[] = [
  { heading: 'Time', kind: 'time', value: ({ at }) => moment(at) },
  { heading: 'Service', value: ({ service }) => service },
  { heading: 'Ledger', value: ({ ledger }) => ledger },
  { heading: 'What', kind: 'word', value: ({ action }) => action },
];

const HEADS: readonly Column<AuditLogHead>[] = [
  { heading: 'Service', value: ({ service }) => service },
  { heading: 'Audit log', kind: 'id', value: ({ origin }) => origin },
  { heading: 'Records', kind: 'number', value: ({ size }) => number(size) },
  { heading: 'Root', kind: 'id', value: ({ root }) => root },
  { heading: 'Signed', kind: 'time', value: ({ at }) => moment(at) },
];

const LEDGERS: readonly Column<ReportedLedger>[] = [
  { heading: 'Service', value: ({ service }) => service },
  { heading: 'Ledger', kind: 'id', value: ({ ledger, origin }) => html`${ledger}<br>${origin}` },
  { heading: 'Verified', kind: 'word', value: ({ status }) => (status === 'authentic' ? 'authentic' : 'consistent, NOT authenticated') },
  { heading: 'Records', kind: 'number', value: ({ records }) => number(records) },
  { heading: 'Root', kind: 'id', value: ({ root }) => root },
  { heading: 'Not authenticated', value: ({ notAuthenticated }) => notAuthenticated.map(({ from, to, why }) => html`records ${from} to ${to - 1} (${why})<br>`) },
  { heading: 'Deleted by retention', kind: 'number', value: ({ retired }) => (retired === 0 ? '' : grouped(retired)) },
];
